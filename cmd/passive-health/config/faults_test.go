package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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
			"f:2:9: listen: anchors and aliases are not supported: write the value out",
		}},
		{"not a mapping", "[1, 2]", []string{"f:1:1: a list is not a mapping of keys to values"}},
		{"two documents", "debug: true\n---\ndebug: true", []string{"f:2:1: there is a second document; a configuration is one"}},
		{"alias in a list", "clusters: [&c {name: a, hosts: ['b:1']}, *c]", []string{
			"f:1:42: clusters[1]: anchors and aliases are not supported: write the value out",
		}},
		{"merge key", "log: &l {format: json}\nlisten: {<<: *l}", []string{
			"f:2:10: listen.<<: merge keys are not supported: write the values out",
		}},
		{"tags", "clusters: !!null [1]", []string{
			"f:1:11: clusters: the tag !!null is not supported; a text goes into quotes",
		}},
		{"a key that is none", "? {a: b}\n: 1", []string{"f:1:3: a mapping is not a key"}},
		{"keys that seem to be some", "debug: &debug true\n*debug : false\n!!binary \"log\": {}", []string{
			"f:2:1: anchors and aliases are not supported: write the value out",
			"f:3:1: the tag !!binary is not supported; a text goes into quotes",
		}},
		{"a key of two lines", `{"a\nb": 1}`, []string{
			`f:1:2: "a\nb": is not a key here; allowed are admin, clusters, debug, drain_timeout, listen, load_reports, log, ` +
				"overrides, policy, state_file, webhooks",
		}},
		{"numbers that may mean another", `policy: {error_threshold: "5", min_reporters: 010}`, []string{
			`f:1:27: policy.error_threshold: the text "5" is not a whole number`,
			`f:1:47: policy.min_reporters: "010" is not a whole number`,
		}},
		{"a negative duration", "policy: {window: -5s}", []string{"f:1:18: policy.window: -5s is not above 0s and at most 24h"}},
		{"durations out of bounds", "drain_timeout: 2h\noverrides: {max: 9s}\nload_reports: {interval: 49ms}", []string{
			"f:1:16: drain_timeout: 2h0m0s is not 0s to 1h0m0s",
			"f:2:18: overrides.max: 9s is not 1m0s to 8760h0m0s",
			"f:3:26: load_reports.interval: 49ms is not 50ms to 1m0s",
		}},
		{"no cluster", "clusters: [web]", []string{`f:1:12: clusters[0]: "web" is not a mapping of keys to values`}},
		{"names of clusters", "clusters: [{name: , hosts: ['b:1']}, {name: true, hosts: ['b:1']}, {name: '', hosts: ['b:1']}]", []string{
			"f:1:19: clusters[0].name: nothing is not a text; one such as true or null goes into quotes",
			`f:1:45: clusters[1].name: "true" is not a text; one such as true or null goes into quotes`,
			`f:1:75: clusters[2].name: the text "" is not 1 to 256 bytes long but 0`,
		}},
		{"a name that would break a log's lines", `clusters: [{name: "a\tb", hosts: ['b:1']}]`, []string{
			`f:1:19: clusters[0].name: the text "a\tb" has control characters`,
		}},
		{"one EDS name twice", "clusters:\n- {name: a, hosts: ['h:1']}\n- {name: b, service_name: a, hosts: ['h:1']}", []string{
			`f:3:27: clusters[1].service_name: "a" is taken already, in line 2`,
		}},
		{"one host in two spellings", "clusters: [{name: a, hosts: ['B:1', 'b:1', '[::ffff:10.0.0.1]:1', '10.0.0.1:1']}]", []string{
			`f:1:37: clusters[0].hosts[1]: "b:1" is taken already, in line 1`,
			`f:1:67: clusters[0].hosts[3]: "10.0.0.1:1" is taken already, in line 1`,
		}},
		{"a sensor twice", "clusters: [{name: a, hosts: ['b:1'], sensors: [filter, filter]}]", []string{
			`f:1:56: clusters[0].sensors[1]: "filter" is taken already, in line 1`,
		}},
		{"no sensor", "clusters: [{name: a, hosts: ['b:1'], sensors: []}]", []string{
			"f:1:47: clusters[0].sensors: is empty: without a sensor nothing is known of the cluster",
		}},
		{
			"a fault of the root is said once",
			"policy: {error_threshold: 0}\nclusters: [{name: a, hosts: ['b:1'], policy: {window: 0}}]",
			[]string{
				"f:1:27: policy.error_threshold: 0 is not 1 to 10000",
				"f:2:55: clusters[0].policy.window: 0s is not above 0s and at most 24h",
			},
		},
		{"a cap that a cluster's threshold breaks", "clusters: [{name: a, hosts: ['b:1'], policy: {panic_threshold: 80}}]", []string{
			"f:1:64: clusters[0].policy.max_ejection_percent: 50 is not at most 20: with fewer than 80 percent of its hosts healthy " +
				"Envoy panics and ignores the marks; if the cluster's healthy_panic_threshold is lower, say so in panic_threshold",
		}},
		{"weights", "policy: {probation_weights: [0, 50, x]}", []string{
			`f:1:30: policy.probation_weights[0]: "0" is not a whole number from 1 to 100`,
			`f:1:37: policy.probation_weights[2]: "x" is not a whole number from 1 to 100`,
		}},
		{"broken YAML", "debug: true\nlog: {format: [\n", []string{
			"f:3:1: is not YAML: did not find expected node content",
		}},
		{"a tab", "log:\n\tformat: json", []string{"f:2:1: is not YAML: found character that cannot start any token"}},
		{"an admin listener for everybody", "listen: {admin: ':18403'}", []string{
			"f:1:17: listen.admin: :18403 is reachable from other machines, and whoever reaches it could eject hosts: name a file with a " +
				"bearer token in admin.token_file, or set admin.read_only",
		}},
		{"a webhook to nowhere", "webhooks: [{}, {url: 'ftp://a'}, {url: 'http://a', events: [host.gone]}]", []string{
			"f:1:12: webhooks[0].url: is missing: where to send events",
			`f:1:22: webhooks[1].url: the text "ftp://a" is not a URL with http or https`,
			`f:1:61: webhooks[2].events[0]: "host.gone" is not one of ` + fmt.Sprint(EventNames()),
		}},
		{"bytes", "debug: \xff", []string{"f:1:8: the byte 0xff is not UTF-8"}},
		{"a control character", "# ä\ndebug: \x00", []string{"f:2:8: the control character 0x00 is not allowed"}},
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

// TestAllFaultsAtOnce reads one file with a fault in every part.
func TestAllFaultsAtOnce(t *testing.T) {
	_, err := Parse("f", []byte(`listen: {ext_proc: nowhere}
log: {format: xml, level: loud}
drain_timeout: soon
policy: {error_threshold: 0, windw: 30s, max_ejection_percent: 60}
clusters:
- {name: web, name: web, hosts: [web]}
- {name: web, hosts: ["api:1"], fallback: maybe, policy: {enforce: 1}}
debug: 1
`))
	var faults Faults
	if !errors.As(err, &faults) {
		t.Fatalf("%v is not Faults", err)
	}
	type place struct {
		Line, Column int
		Path, Value  string
	}
	var got []place
	for _, f := range faults {
		got = append(got, place{f.Line, f.Column, f.Path, f.Value})
	}
	want := []place{
		{1, 20, "listen.ext_proc", "nowhere"},
		{2, 15, "log.format", "xml"},
		{2, 27, "log.level", "loud"},
		{3, 16, "drain_timeout", "soon"},
		{4, 27, "policy.error_threshold", "0"},
		{4, 30, "policy.windw", "windw"},
		{4, 64, "policy.max_ejection_percent", "60"},
		{6, 15, "clusters[0].name", "name"},
		{6, 34, "clusters[0].hosts[0]", "web"},
		{7, 10, "clusters[1].name", "web"},
		{7, 43, "clusters[1].fallback", "maybe"},
		{7, 68, "clusters[1].policy.enforce", "1"},
		{8, 8, "debug", "1"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

func TestFaultAsJSON(t *testing.T) {
	_, err := Parse("f", []byte("debug: maybe"))
	var faults Faults
	if !errors.As(err, &faults) {
		t.Fatalf("%v is not Faults", err)
	}
	got, err := json.Marshal(faults)
	if err != nil {
		t.Fatal(err)
	}
	const want = `[{"file":"f","line":1,"column":8,"path":"debug","value":"maybe","message":"\"maybe\" is not true or false"}]`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
