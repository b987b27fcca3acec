package config

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.yaml.in/yaml/v4"

	"github.com/envoy-passive-health/passive-health/health"
)

func TestFaults(t *testing.T) {
	const clusters = "clusters: [{name: web, hosts: [10.0.0.1:80]}]\n"
	for _, tt := range []struct {
		name, in string
		want     []string
	}{
		{"unknown key", "listn: {}", []string{"f:1:1: listn: is not a key here; did you mean listen?"}},
		{"unknown key, nothing like it", "log: {zzzzzzzz: 1}", []string{"f:1:7: log.zzzzzzzz: is not a key here; allowed are format, level"}},
		{"doubled key", "debug: true\ndebug: false", []string{"f:2:1: debug: is there twice, first in line 1"}},
		{"no duration", "policy:\n  window: 30", []string{`f:2:11: policy.window: "30" is not a duration such as 30s, 500ms or 5m`}},
		{"below its bound", "policy: {error_threshold: 0}", []string{"f:1:27: policy.error_threshold: 0 is not 1 to 10000"}},
		{"no whole number", "policy: {error_threshold: five}", []string{
			`f:1:27: policy.error_threshold: "five" is not a whole number`,
		}},
		{"max below time", "policy: {recovery_time: 90s, recovery_time_max: 60s}", []string{
			"f:1:49: policy.recovery_time_max: 1m0s is not recovery_time (1m30s) to 24h",
		}},
		{"cap beyond panic", "policy: {max_ejection_percent: 60}", []string{
			"f:1:32: policy.max_ejection_percent: 60 is not at most 50: with fewer than 50 percent of its hosts healthy Envoy panics " +
				"and ignores the marks; if the cluster's healthy_panic_threshold is lower, say so in panic_threshold",
		}},
		{"status", "policy: {error_status_codes: [503, 600]}", []string{
			`f:1:36: policy.error_status_codes[1]: "600" is not a whole number from 100 to 599`,
		}},
		{"gRPC status", "policy: {error_grpc_statuses: [OK, 14, AVAILABLE]}", []string{
			`f:1:32: policy.error_grpc_statuses[0]: "OK" is not a failing gRPC status: a name such as UNAVAILABLE, or 1 to 16`,
			`f:1:40: policy.error_grpc_statuses[2]: "AVAILABLE" is not a failing gRPC status: a name such as UNAVAILABLE, or 1 to 16`,
		}},
		{"ignore everything", "policy: {ignore: [{}]}", []string{
			"f:1:19: policy.ignore[0]: names neither a route nor statuses: it would ignore everything",
		}},
		{"listener", "listen: {xds: 18402}", []string{
			`f:1:15: listen.xds: "18402" is not host:port, such as 127.0.0.1:18401, nor unix:/path`,
		}},
		{"one address twice", "listen: {xds: 127.0.0.1:18401}", []string{
			"f:1:9: listen: 127.0.0.1:18401, 127.0.0.1:18401 and 127.0.0.1:18403 are not three different addresses",
		}},
		{"no name, no hosts", "clusters: [{}]", []string{
			"f:1:12: clusters[0].name: is missing: Envoy's name of the cluster",
			"f:1:12: clusters[0].hosts: is empty: a cluster without hosts would answer nothing but 503",
		}},
		{"a name twice", clusters + "debug: maybe", []string{`f:2:8: debug: "maybe" is not true or false`}},
		{
			"hosts",
			"clusters:\n- name: a\n  hosts: [10.0.0.1:80, '10.0.0.1:80', 10.0.0.1, 300.1.1.1:80, {weight: 1}, {address: 'b:1', weight: 129}]",
			[]string{
				`f:3:24: clusters[0].hosts[1]: "10.0.0.1:80" is taken already, in line 3`,
				`f:3:39: clusters[0].hosts[2]: "10.0.0.1" is neither an address such as 10.0.0.1:8080 or [2001:db8::1]:8080 nor a name ` +
					`with a port, such as web-1.internal:8080`,
				`f:3:49: clusters[0].hosts[3]: "300.1.1.1:80" is neither an address such as 10.0.0.1:8080 or [2001:db8::1]:8080 nor a ` +
					`name with a port, such as web-1.internal:8080`,
				"f:3:63: clusters[0].hosts[4].address: is missing: an address such as 10.0.0.1:8080, or a name such as web-1.internal:8080",
				`f:3:101: clusters[0].hosts[5].weight: "129" is not a whole number from 1 to 128`,
			},
		},
		{"sensors that count twice", "clusters: [{name: a, hosts: ['b:1'], sensors: [filter, access_log]}]", []string{
			"f:1:47: clusters[0].sensors: access_log and filter together would count a failure twice: the access log has an entry for " +
				"what the filter shows",
		}},
		{"ratio without volumes", "clusters: [{name: a, hosts: ['b:1'], sensors: [filter], policy: {failure_percent: 5}}]", []string{
			"f:1:47: clusters[0].sensors: [filter] do not say how many requests there are, which failure_percent and min_requests need: " +
				"add load_reports or use all_responses",
		}},
		{"alias", "log: &l {format: json}\nlisten: *l", []string{
			"f:2:1: listen: anchors, aliases and merge keys are not supported: write the values out",
		}},
		{"not a mapping", "[1, 2]", []string{"f:1:1: a list is not a mapping of keys to values"}},
		{"two documents", "debug: true\n---\ndebug: true", []string{"f:1:1: there is a second document; a configuration is one"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("f", []byte(tt.in))
			if err == nil {
				t.Fatal("no fault")
			}
			if diff := cmp.Diff(tt.want, strings.Split(err.Error(), "\n")); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBrokenYAMLSaysItsLine(t *testing.T) {
	_, err := Parse("f", []byte("debug: true\nlog: {format: [\n"))
	if err == nil || !strings.HasPrefix(err.Error(), "f:") || strings.HasPrefix(err.Error(), "f:1:") {
		t.Errorf("fault %v, want one with the line of the flaw", err)
	}
}

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
		want.Hash = c.Hash
		if diff := cmp.Diff(want, *c); diff != "" {
			t.Errorf("%q (-want +got):\n%s", in, diff)
		}
	}
}

// TestSampleIsTheDefault holds the annotated sample to the code: it says every key, and its values are the defaults.
func TestSampleIsTheDefault(t *testing.T) {
	c, err := Load("sample.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Hash, want.Clusters = c.Hash, c.Clusters
	ignoreEmpty := cmpopts.EquateEmpty()
	if diff := cmp.Diff(want, *c, ignoreEmpty, cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
		t.Errorf("sample and defaults differ (-default +sample):\n%s", diff)
	}
	if diff := cmp.Diff(want.Policy, c.Clusters[0].Policy, ignoreEmpty); diff != "" {
		t.Errorf("the sample's cluster differs from the defaults:\n%s", diff)
	}
	if got := c.Clusters[0].Sensors; !slices.Equal(got, DefaultSensors()) {
		t.Errorf("the sample's sensors are %v, the default %v", got, DefaultSensors())
	}
}

// TestSampleSaysEveryKey asks the decoder for its keys, by offering each mapping of the sample a key it cannot know.
func TestSampleSaysEveryKey(t *testing.T) {
	data, err := os.ReadFile("sample.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file yaml.Node
	if err := yaml.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	probe := &decoder{file: "f"}
	addProbe(file.Content[0])
	c := Default()
	probe.root(file.Content[0], &c)
	for _, fault := range probe.faults {
		_, allowed, ok := strings.Cut(fault.Message, "allowed are ")
		if !ok {
			continue
		}
		mapping := strings.TrimSuffix(strings.TrimSuffix(fault.Path, probeKey), ".")
		for key := range strings.SplitSeq(allowed, ", ") {
			if mapping == "clusters[0].policy" { // the same keys as policy, where they are documented
				continue
			}
			if !strings.Contains(string(data), key+":") {
				t.Errorf("the sample does not say %s of %q", key, mapping)
			}
		}
	}
	if len(probe.faults) == 0 {
		t.Error("the decoder took a key that it cannot know")
	}
}

// probeKey is unlike every key, so that the decoder lists what it knows.
const probeKey = "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"

func addProbe(n *yaml.Node) {
	for _, child := range n.Content {
		addProbe(child)
	}
	if n.Kind == yaml.MappingNode {
		n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: probeKey}, &yaml.Node{Kind: yaml.ScalarNode})
	}
}

func TestWatchComparesContent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		path, target := filepath.Join(dir, "config.yaml"), filepath.Join(dir, "v1")
		write := func(name, content string) string {
			file := filepath.Join(dir, name)
			if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			return file
		}
		write("v1", "debug: true")
		if err := os.Symlink(target, path); err != nil {
			t.Fatal(err)
		}
		c, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		changes := 0
		go Watch(t.Context(), path, c.Hash, func() { changes++ })
		after := func(what string, want int) {
			t.Helper()
			<-time.After(period + 1)
			synctest.Wait()
			if changes != want {
				t.Errorf("%s: %d changes, want %d", what, changes, want)
			}
		}
		after("nothing", 0)
		write("v1", "debug: true")
		after("written again, the same", 0)
		write("v1", "debug: false")
		after("other content", 1)
		after("seen already", 1)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		after("gone", 1)
		if err := os.Symlink(write("v2", "debug: true"), path); err != nil {
			t.Fatal(err)
		}
		after("the link swapped", 2)
	})
}

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
			if strings.TrimSpace(err.Error()) == "" {
				t.Error("a fault that says nothing")
			}
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
