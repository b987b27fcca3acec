package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// adaptFile runs the verb on a copy of a configuration and returns what it prints.
func adaptFile(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, warnings bytes.Buffer
	command := adaptCommand()
	command.SilenceErrors, command.SilenceUsage = true, true
	command.SetArgs(args)
	command.SetOut(&out)
	command.SetErr(&warnings)
	err = command.ExecuteContext(t.Context())
	return out.String(), warnings.String(), err
}

// userFile is a user's Envoy configuration in a folder of its own.
func userFile(t *testing.T) (path, content string) {
	t.Helper()
	data, err := os.ReadFile("adapt/testdata/configs/block/envoy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "envoy.yaml")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, string(data)
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestAdaptPrintsDiffsAndWritesNothing(t *testing.T) {
	path, before := userFile(t)
	out, warnings, err := adaptFile(t, path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"--- a/" + path, "\n+    type: EDS\n", "--- /dev/null\n", "\n+clusters:\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("want %q in\n%s", want, out)
		}
	}
	if want := path + `:76: cluster "cart": update_merge_window 2s kept`; !strings.Contains(warnings, want) {
		t.Errorf("want %q in\n%s", want, warnings)
	}
	if files, _ := os.ReadDir(filepath.Dir(path)); len(files) != 1 || read(t, path) != before {
		t.Errorf("something was written: %v", files)
	}
}

func TestAdaptInPlaceKeepsEachBackup(t *testing.T) {
	path, before := userFile(t)
	if _, _, err := adaptFile(t, "--check", path); !errors.Is(err, errChangeDue) {
		t.Fatalf("--check before: %v, want %v", err, errChangeDue)
	}
	if _, _, err := adaptFile(t, "-w", "--cluster", "cart", path); err != nil {
		t.Fatal(err)
	}
	if read(t, path+".bak") != before {
		t.Error("the backup is not the original")
	}
	if out, _, err := adaptFile(t, "--check", "--cluster", "cart", path); err != nil || out != "" {
		t.Errorf("--check after: %v, diff %q; want neither", err, out)
	}
	once := read(t, path)
	if _, _, err := adaptFile(t, "-w", path); err != nil {
		t.Fatal(err)
	}
	if read(t, path+".bak") != before || read(t, path+".bak2") != once {
		t.Error("the backups are not the two files before")
	}
	if got := read(t, filepath.Join(filepath.Dir(path), "passive-health.yaml.bak")); strings.Contains(got, "name: web") {
		t.Errorf("the backup of passive-health.yaml has the clusters that came later:\n%s", got)
	}
}

func TestAdaptWritesElsewhere(t *testing.T) {
	path, before := userFile(t)
	dir := filepath.Join(t.TempDir(), "out")
	if _, _, err := adaptFile(t, "-o", dir, path); err != nil {
		t.Fatal(err)
	}
	if read(t, path) != before {
		t.Error("the original has changed")
	}
	if !strings.Contains(read(t, filepath.Join(dir, "envoy.yaml")), "passive_health_xds") {
		t.Error("the adapted file is not there")
	}
	if !strings.Contains(read(t, filepath.Join(dir, "passive-health.yaml")), "cart.internal:80") {
		t.Error("the hosts are not there")
	}
	if _, _, err := adaptFile(t, "-o", filepath.Dir(path), path); err == nil || !strings.Contains(err.Error(), "use -w") {
		t.Errorf("into its own folder: %v, want a word of -w", err)
	}
}

func TestAdaptExitCodes(t *testing.T) {
	path, _ := userFile(t)
	noHTTP := filepath.Join(t.TempDir(), "envoy.yaml")
	if err := os.WriteFile(noHTTP, []byte("static_resources: {clusters: []}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		args []string
		want bool // could not run
	}{
		{"refused", []string{noHTTP}, false},
		{"change due", []string{"--check", path}, false},
		{"not there", []string{path + "x"}, true},
		{"unknown sensor", []string{"--sensor", "x", path}, true},
	} {
		_, _, err := adaptFile(t, tt.args...)
		if err == nil {
			t.Errorf("%s: no error", tt.name)
		}
		if _, could := errors.AsType[unable](err); could != tt.want {
			t.Errorf("%s: %v: could not run is %v, want %v", tt.name, err, could, tt.want)
		}
	}
}
