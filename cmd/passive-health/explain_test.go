package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

var update = flag.Bool("update", false, "write the golden files of explain anew")

// explained runs the verb.
func explained(t *testing.T, stdin []byte, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := explainCommand()
	cmd.SetIn(bytes.NewReader(stdin))
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetArgs(append([]string{}, args...)) // never nil, which would be the test's own arguments
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func recorded(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/explain/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no messages: %v", err)
	}
	return files
}

// Each message beside its golden text, which -update writes anew.
func TestExplain(t *testing.T) {
	for _, file := range recorded(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			got, err := explained(t, nil, "--config", "testdata/explain/config.yaml", file)
			if err != nil {
				t.Fatal(err)
			}
			golden := strings.TrimSuffix(file, ".json") + ".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("want (-), got (+):\n%s", diff)
			}
		})
	}
}

// Bytes from standard input say what the JSON says.
func TestExplainBytes(t *testing.T) {
	for _, file := range recorded(t) {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var request extprocv3.ProcessingRequest
		if err := protojson.Unmarshal(data, &request); err != nil {
			t.Fatal(err)
		}
		raw, err := proto.Marshal(&request)
		if err != nil {
			t.Fatal(err)
		}
		want, err := explained(t, data)
		if err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{nil, {"-"}} {
			if got, err := explained(t, raw, args...); err != nil || got != want {
				t.Errorf("%s as bytes: %q, %v, want %q", file, got, err, want)
			}
		}
	}
}

func TestExplainRefuses(t *testing.T) {
	tests := map[string]struct {
		stdin string
		args  []string
		want  string
	}{
		"no such file":      {"", []string{"nowhere.json"}, "nowhere.json"},
		"not a message":     {"\x0a", nil, "malformed ProcessingRequest"},
		"not JSON":          {`{"a`, nil, "standard input"},
		"too large":         {strings.Repeat("x", maxRecorded+1), nil, "larger than"},
		"a message too big": {strings.Repeat("x", maxRecorded), nil, "more than 65536"},
		"no configuration":  {"", []string{"--config", "nowhere.yaml", "testdata/explain/503.json"}, "nowhere.yaml"},
		"two messages":      {"", []string{"a", "b"}, "accepts at most 1 arg"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			out, err := explained(t, []byte(tt.stdin), tt.args...)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %q, %v, want an error about %q", out, err, tt.want)
			}
		})
	}
}
