package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	file := func(content string) string {
		path := filepath.Join(t.TempDir(), "c.yaml")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good, bad := file("clusters: [{name: web, hosts: ['10.0.0.1:80']}]"), file("listn: {}\npolicy: {window: 30}")
	for _, tt := range []struct {
		name string
		args []string
		code int
		want []string // in what it prints
	}{
		{"no faults", []string{"--config", good}, exitFine, []string{good + ": no faults\n"}},
		{"every fault", []string{"--config", bad}, exitFailure, []string{bad + ":1:1: listn", "\n" + bad + ":2:18: policy.window"}},
		{"no file", []string{"--config", "/nowhere.yaml"}, exitUnable, []string{"/nowhere.yaml"}},
		{
			"no traps",
			[]string{"--config", good, "--envoy", "../../envoy/envoy.yaml"},
			exitFine,
			[]string{"../../envoy/envoy.yaml: no traps\n"},
		},
		{"no Envoy file", []string{"--config", good, "--envoy", "/nowhere.yaml"}, exitUnable, []string{"--envoy"}},
		{"no such form", []string{"--config", good, "-o", "xml"}, exitUnable, []string{`"xml" is not text or json`}},
		{"no such flag", []string{"--konfig", good}, exitUnable, []string{"--konfig"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			if code := run(t.Context(), append([]string{"check"}, tt.args...), &out, &out); code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			for _, want := range tt.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("%q is not in\n%s", want, out.String())
				}
			}
		})
	}
	var out, errs bytes.Buffer
	var answer report
	if code := run(t.Context(), []string{"check", "--config", bad, "-o", "json"}, &out, &errs); code != exitFailure {
		t.Errorf("exit code %d in JSON, want %d", code, exitFailure)
	}
	if err := json.Unmarshal(out.Bytes(), &answer); err != nil || len(answer.Faults) != 2 || answer.Faults[1].Line != 2 {
		t.Errorf("JSON: %v %+v", err, answer)
	}
}
