package config

import (
	"errors"
	"os"
	"strings"
	"testing"
)

func FuzzParse(f *testing.F) {
	sample, err := os.ReadFile("sample.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		"", "a: b", string(sample), "clusters: [{name: a, hosts: [b:1]}]", "a: &a [*a]", "- - -", "\x00", "{<<: {}}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("f", data)
		if err != nil {
			checkFaults(t, err)
			return
		}
		for i := range c.Clusters {
			cluster := &c.Clusters[i]
			if err := cluster.Policy.Validate(); err != nil || cluster.Name == "" || cluster.ServiceName == "" || len(cluster.Hosts) == 0 {
				t.Errorf("accepted cluster %+v: %v", cluster, err)
			}
		}
	})
}

// checkFaults holds what every fault owes its reader: a line of its own that says something, at a place in the file.
func checkFaults(t *testing.T, err error) {
	t.Helper()
	var faults Faults
	if !errors.As(err, &faults) || len(faults) == 0 || len(strings.Split(err.Error(), "\n")) != len(faults) {
		t.Fatalf("%#v is not faults, one a line", err)
	}
	for _, f := range faults {
		if f.Message == "" || f.Line < 0 || f.Line > 0 && f.Column < 1 {
			t.Errorf("%+v says nothing, or has no place", f)
		}
	}
}
