package config

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.yaml.in/yaml/v4"

	"github.com/envoy-passive-health/passive-health/health"
)

func TestParse(t *testing.T) {
	c, err := Parse("f", []byte(`
clusters:
- name: web
  service_name: web-eds
  hosts: ["[::ffff:10.0.0.1]:8080", {address: "10.0.0.2:8080", weight: 50, zone: a}, web-3.internal:8080]
  policy: {error_threshold: 3, recovery_time: 400s}
- {name: api, hosts: ["[2001:db8::1]:443"], fallback: aggregate, sensors: [all_responses]}
policy: {window: 10s}
`))
	if err != nil {
		t.Fatal(err)
	}
	web, api := health.DefaultPolicy(), health.DefaultPolicy()
	web.Window, api.Window = 10*time.Second, 10*time.Second
	web.ErrorThreshold, web.RecoveryTime, web.RecoveryTimeMax = 3, 400*time.Second, 400*time.Second
	want := []Cluster{{
		Name: "web", ServiceName: "web-eds", Policy: web, Sensors: DefaultSensors(), Fallback: FallbackNone,
		Hosts: []Target{
			{Literal: netip.MustParseAddrPort("10.0.0.1:8080"), Weight: 100},
			{Literal: netip.MustParseAddrPort("10.0.0.2:8080"), Weight: 50, Zone: "a"},
			{Name: "web-3.internal", Port: 8080, Weight: 100},
		},
	}, {
		Name: "api", ServiceName: "api", Policy: api, Sensors: []Sensor{SensorAllResponses}, Fallback: FallbackAggregate,
		Hosts: []Target{{Literal: netip.MustParseAddrPort("[2001:db8::1]:443"), Weight: 100}},
	}}
	if diff := cmp.Diff(want, c.Clusters, cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
		t.Errorf("clusters (-want +got):\n%s", diff)
	}
}

func TestFreePortsMayBeAskedForThrice(t *testing.T) {
	const free = "127.0.0.1:0"
	c, err := Parse("f", []byte("listen: {ext_proc: 127.0.0.1:0, xds: 127.0.0.1:0, admin: 127.0.0.1:0}"))
	if want := (Listen{ExtProc: free, XDS: free, Admin: free}); err != nil || c.Listen != want {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestEmptyFileIsTheDefault(t *testing.T) {
	for _, in := range []string{"", "# nothing\n", "{}"} {
		c, err := Parse("f", []byte(in))
		if err != nil {
			t.Fatal(err)
		}
		want := Default()
		want.Text, want.Hash = c.Text, c.Hash
		if diff := cmp.Diff(want, *c); diff != "" {
			t.Errorf("%q (-want +got):\n%s", in, diff)
		}
	}
}

// TestNothingIsNoKey holds an empty value to what a missing key means: a template often leaves one.
func TestNothingIsNoKey(t *testing.T) {
	c, err := Parse("f", []byte("policy:\n  error_status_codes:\n  probation_weights:\nlisten:\nclusters:\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Text, want.Hash = c.Text, c.Hash
	if diff := cmp.Diff(want, *c); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestJSONIsYAML(t *testing.T) {
	c, err := Parse("f", []byte("{\n\t\"debug\": true,\n\t\"clusters\": [{\"name\": \"web\", \"hosts\": [\"10.0.0.1:80\"]}]\n}\n"))
	if err != nil || !c.Debug || c.Clusters[0].Hosts[0].String() != "10.0.0.1:80" {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestHugeFileIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 100<<20); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil || !strings.HasSuffix(err.Error(), "f: is larger than 32 MiB, the most that is read") {
		t.Errorf("got %v", err)
	}
}

func TestManyFaultsAreBounded(t *testing.T) {
	_, err := Parse("f", []byte("clusters: ["+strings.Repeat("x, ", 5000)+"]"))
	lines := strings.Split(err.Error(), "\n")
	if got, want := lines[len(lines)-1], "f: and 4000 more faults"; len(lines) != maxFaults+1 || got != want {
		t.Errorf("%d lines, the last %q, want %d and %q", len(lines), got, maxFaults+1, want)
	}
}

// TestBounds builds the nodes, since the text would take seconds to read.
func TestBounds(t *testing.T) {
	d, c := &decoder{file: "f"}, Default()
	d.clusters(&yaml.Node{Kind: yaml.SequenceNode, Content: make([]*yaml.Node, maxClusters+1)}, &c)
	host := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: "10.0.0.1:80"}
	d.targets(&yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{host}}, "clusters[0].hosts")
	d.targets(&yaml.Node{Kind: yaml.SequenceNode, Content: make([]*yaml.Node, maxHosts)}, "clusters[1].hosts")
	var got []string
	for _, f := range d.faults {
		got = append(got, f.Message)
	}
	want := []string{
		"100001 clusters are not at most 100000",
		"brings the hosts of all clusters to 1000001, which is not at most 1000000",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
