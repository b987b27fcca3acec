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

// FuzzTarget holds a host's spelling: what is read is a usable address or name, and reads the same again.
func FuzzTarget(f *testing.F) {
	for _, seed := range []string{
		"10.0.0.1:8080", "[2001:db8::1]:443", "[::ffff:10.0.0.1]:1", "[fe80::1%eth0]:1", "Web-1.internal.:80", "a_b:65535", "-a:1", "1.2.3:4",
		"10.0.0.1:0", ":1", "a..b:1", "a:+1", "a:01", "\x00:1", "[a]:1", "a:b:1",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var target, again Target
		if target.parse(s) != nil {
			return
		}
		if err := again.parse(target.String()); err != nil || again != target {
			t.Errorf("%q is %+v, and that is %+v, %v", s, target, again, err)
		}
		if a := target.Literal; a.IsValid() && (a.Addr().Is4In6() || a.Addr().Zone() != "" || a.Port() == 0 || target.Name != "") {
			t.Errorf("%q is the address %v", s, a)
		}
		if !target.Literal.IsValid() && (target.Name == "" || target.Port == 0 || strings.ContainsAny(target.Name, " /:[]%")) {
			t.Errorf("%q is the name %q with port %d", s, target.Name, target.Port)
		}
	})
}
