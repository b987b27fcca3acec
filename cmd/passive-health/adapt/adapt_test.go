package adapt_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/adapt"
)

// The types that the configurations of these tests name.
const (
	manager = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
	router  = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
)

// head is what each new passive-health.yaml of these tests starts with.
const head = "# Written by passive-health adapt: the hosts are those of envoy.yaml.\n" +
	"listen: {ext_proc: \"0.0.0.0:18401\", xds: \"0.0.0.0:18402\"} # Envoy comes from elsewhere\n"

// bootstrap is a configuration with one listener, and these clusters; "web" and "api" have routes.
func bootstrap(clusters string) string {
	return `node: {id: a, cluster: b}
static_resources:
  listeners:
  - name: main
    address: {socket_address: {address: 127.0.0.1, port_value: 80}}
    filter_chains:
    - filters:
      - name: http
        typed_config:
          "@type": ` + manager + `
          stat_prefix: main
          route_config: {virtual_hosts: [{name: all, domains: ["*"], routes: [
            {match: {prefix: /api}, route: {cluster: api}}, {match: {prefix: /}, route: {cluster: web}}]}]}
          http_filters:
          - {name: envoy.filters.http.router, typed_config: {"@type": ` + router + `}}
  clusters:
` + clusters
}

// hostAt is one endpoint in flow style.
func hostAt(address string) string {
	return fmt.Sprintf("{endpoint: {address: {socket_address: {address: %s, port_value: 80}}}}", address)
}

// web is the cluster that most tests adapt, on the lines 17 and 18 of its bootstrap.
func web(more string) string {
	return "  - name: web\n    load_assignment: {cluster_name: web, endpoints: [{lb_endpoints: [" + hostAt("10.0.0.1") + "]}]}\n" + more
}

func input(text string) adapt.Input {
	return adapt.Input{EnvoyName: "envoy.yaml", ConfigName: "passive-health.yaml", Envoy: []byte(text)}
}

// adapted returns the result of a configuration that can be adapted.
func adapted(t *testing.T, text string, options adapt.Options) adapt.Result {
	t.Helper()
	result, err := adapt.Adapt(input(text), options)
	if err != nil {
		t.Fatalf("%v\nnotes: %v", err, result.Notes)
	}
	return result
}

// TestEditsInPlace shows each edit outside of the pieces, in each style.
func TestEditsInPlace(t *testing.T) {
	for _, tt := range []struct{ name, cluster, want string }{
		{"type added", web(""), "    common_lb_config: {update_merge_window: 0s}\n"},
		{"type in place", web("    type: STATIC # ours\n"), "    type: EDS # ours\n"},
		{"type in quotes", web("    type: 'STATIC'\n"), "    type: \"EDS\"\n"},
		{
			"merge window added", web("    common_lb_config:\n      healthy_panic_threshold: {value: 1}\n"),
			"    common_lb_config:\n      healthy_panic_threshold: {value: 1}\n      update_merge_window: 0s\n    type: EDS\n",
		},
		{
			"merge window added in flow style", web("    common_lb_config: { healthy_panic_threshold: {value: 1} }\n"),
			"    common_lb_config: { healthy_panic_threshold: {value: 1}, \"update_merge_window\": \"0s\" }\n",
		},
		{"merge window kept", web("    common_lb_config: {update_merge_window: 3s}\n"), "    common_lb_config: {update_merge_window: 3s}\n"},
		{"comment behind the hosts", strings.TrimSuffix(web(""), "\n") + " # hosts\n", "max_interval: 1s}} # hosts\n"},
		{
			"cluster in flow style", "  - {name: web, load_assignment: {endpoints: [{lb_endpoints: [" + hostAt("h") + "]}]}} # flow\n",
			`, "type": "EDS", "common_lb_config": {"update_merge_window": "0s"}} # flow` + "\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := string(adapted(t, bootstrap(tt.cluster), adapt.Options{}).Envoy.New())
			if !strings.Contains(got, tt.want) {
				t.Errorf("want %q in\n%s", tt.want, got)
			}
		})
	}
}

func TestMovesHosts(t *testing.T) {
	text := bootstrap(`  - name: web
    type: STRICT_DNS
    load_assignment:
      endpoints:
      - locality: {zone: "1"}
        lb_endpoints: [` + hostAt("web.internal") + ", {load_balancing_weight: 7, " + hostAt(`"::1"`)[1:] + `]
  - name: api
    load_assignment: {endpoints: [{lb_endpoints: [` + hostAt("10.0.0.2") + `]}]}
`)
	for _, tt := range []struct {
		name    string
		options adapt.Options
		want    string
	}{
		{"all", adapt.Options{}, head + `clusters:
- name: web
  hosts:
  - address: "web.internal:80"
    weight: 14
    zone: "1"
  - address: "[::1]:80"
    weight: 98
    zone: "1"
- name: api
  hosts:
  - address: "10.0.0.2:80"
`},
		{"one", adapt.Options{Clusters: []string{"api"}, Fallback: adapt.FallbackAggregate}, head + `clusters:
- name: api
  fallback: aggregate
  hosts:
  - address: "10.0.0.2:80"
`},
		{"watched only", adapt.Options{Clusters: []string{"api"}, ObserveOnly: true}, head + `policy:
  enforce: false # everything is decided and shown, nothing is published
clusters:
- name: api
  hosts:
  - address: "10.0.0.2:80"
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, string(adapted(t, text, tt.options).Config.New())); diff != "" {
				t.Errorf("(-want, +got):\n%s", diff)
			}
		})
	}
}

func TestObserveOnlyTouchesNoCluster(t *testing.T) {
	clusters := web("") + strings.ReplaceAll(web(""), "web", "api")
	got := string(adapted(t, bootstrap(clusters), adapt.Options{ObserveOnly: true}).Envoy.New())
	if !strings.Contains(got, clusters+"  - name: passive_health\n") {
		t.Errorf("want the clusters as they were, and ours behind them:\n%s", got)
	}
	for _, unwanted := range []string{"passive_health_xds", "load_stats_config", "EDS"} {
		if strings.Contains(got, unwanted) {
			t.Errorf("want no %s in\n%s", unwanted, got)
		}
	}
}

// TestGoesOnFromTheRungBefore climbs: first watching, then one cluster, then all.
func TestGoesOnFromTheRungBefore(t *testing.T) {
	in := input(bootstrap(web("") + strings.ReplaceAll(web(""), "web", "api")))
	want := []string{"", "web", "web api"}
	for i, options := range []adapt.Options{{ObserveOnly: true, Clusters: []string{"web"}}, {Clusters: []string{"web"}}, {}} {
		result, err := adapt.Adapt(in, options)
		if err != nil {
			t.Fatal(err)
		}
		in.Envoy, in.Config = result.Envoy.New(), result.Config.New()
		var moved []string
		for _, name := range []string{"web", "api"} {
			if strings.Contains(string(in.Envoy), "service_name: "+name+"\n") {
				moved = append(moved, name)
			}
		}
		if got := strings.Join(moved, " "); got != want[i] {
			t.Errorf("rung %d: on EDS are %q, want %q", i, got, want[i])
		}
	}
	if n := strings.Count(string(in.Envoy), "- name: passive_health\n"); n != 1 {
		t.Errorf("passive_health is there %d times", n)
	}
	if got := string(in.Config); strings.Count(got, "- name: web") != 1 || strings.Count(got, "- name: api") != 1 {
		t.Errorf("want each cluster once:\n%s", got)
	}
}

// TestKeepsTheConfigurationThereIs: only the fallback follows Envoy's, and shadow mode is the user's to end.
func TestKeepsTheConfigurationThereIs(t *testing.T) {
	in := input(bootstrap(web("")))
	in.Config = []byte("policy: {enforce: false}\nclusters:\n# Mine.\n- name: web # as Envoy has it\n  hosts: [10.9.9.9:80]\n")
	result, err := adapt.Adapt(in, adapt.Options{Fallback: adapt.FallbackAggregate})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(in.Config)+"  fallback: aggregate\n", string(result.Config.New())); diff != "" {
		t.Errorf("(-want, +got):\n%s", diff)
	}
	want := []adapt.Note{
		{File: "passive-health.yaml", Line: 1, Text: "enforce: false is kept: nothing is published until you change it"},
		{File: "passive-health.yaml", Line: 4, Text: `cluster "web" is there already: its hosts are kept`},
	}
	if diff := cmp.Diff(want, result.Notes); diff != "" {
		t.Errorf("notes (-want, +got):\n%s", diff)
	}
}

func TestNamedClusterMustBeFit(t *testing.T) {
	text := bootstrap(web("  - name: api\n    type: ORIGINAL_DST\n"))
	for name, want := range map[string]string{
		"wbe": `envoy.yaml:17: has no cluster "wbe"`,
		"api": `envoy.yaml:19: has the cluster "api", but it cannot be adapted: see its line`,
	} {
		_, err := adapt.Adapt(input(text), adapt.Options{Clusters: []string{"web", name}})
		if err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
	}
}
