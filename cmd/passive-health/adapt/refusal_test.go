package adapt_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/adapt"
)

func TestRefusesFiles(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"multi-document", "a: 1\n---\nb: 2\n", "envoy.yaml:2: holds several documents, of which Envoy reads the first: split the file"},
		{"list", "- a\n", "envoy.yaml:1: is no mapping at its top"},
		{"Latin-1", "a: \xe9\n", "envoy.yaml:1: is not UTF-8"},
		{"old Mac line ends", "a: 1\rb: 2\r", "envoy.yaml:1: has line breaks that are neither LF nor CRLF"},
		{
			"not Envoy's", "kind: ConfigMap\ndata: {}\n",
			"envoy.yaml:1: has no static_resources: it is no Envoy bootstrap configuration with listeners and clusters",
		},
		{"no clusters", "static_resources:\n  listeners: []\n", "envoy.yaml:2: has no static_resources.clusters"},
		{"empty clusters", "static_resources:\n  clusters:\n", "envoy.yaml:2: has no static_resources.clusters"},
		{
			"clusters from an alias", strings.Replace(bootstrap(""), "  clusters:\n", "  clusters: *x\n", 1),
			"envoy.yaml: yaml: line 16: unknown anchor 'x' referenced",
		},
		{
			"no HTTP", "static_resources:\n  listeners: []\n  clusters: []\n",
			"envoy.yaml:1: has no HTTP connection manager in static_resources.listeners, so no place for the sensor",
		},
		{
			"CDS", bootstrap(web("")) + "dynamic_resources:\n  cds_config: {ads: {}, resource_api_version: V3}\n",
			"envoy.yaml:20: has its clusters from a CDS or ADS server, which would have to change them: hand it the piece that is printed",
		},
		{
			"LDS", "static_resources: {clusters: []}\ndynamic_resources: {lds_config: {ads: {}}}\n",
			"envoy.yaml:2: has its listeners from an LDS or ADS server, which would have to change them: hand it the piece that is printed",
		},
		{
			"nothing routed", bootstrap(strings.ReplaceAll(web(""), "web", "db")),
			"envoy.yaml:17: has no cluster that can be adapted: see the line of each",
		},
		{
			"no router", strings.NewReplacer("envoy.filters.http.router", "mine", router, "x.y/Z").Replace(bootstrap(web(""))),
			"envoy.yaml:1: has no HTTP connection manager that can take the sensor: see the line of each",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			result, err := adapt.Adapt(input(tt.text), adapt.Options{})
			if err == nil {
				t.Fatalf("adapted:\n%s", result.Envoy.Diff())
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Errorf("(-want, +got):\n%s", diff)
			}
		})
	}
}

func TestHandsOverToTheOwner(t *testing.T) {
	_, err := adapt.Adapt(input(bootstrap(web(""))+"dynamic_resources: {cds_config: {ads: {}}}\n"), adapt.Options{Address: "10.1.1.1"})
	refusal, ok := errors.AsType[*adapt.Refusal](err)
	if !ok {
		t.Fatalf("got %v, want a refusal", err)
	}
	for _, want := range []string{
		"\ntype: EDS\n", "\neds_cluster_config:\n", "\n- name: passive_health\n", "\n- name: passive_health_xds\n",
		"\n- name: envoy.filters.http.ext_proc\n", `address: "10.1.1.1", port_value: 18402`,
	} {
		if !strings.Contains(refusal.Handover, want) {
			t.Errorf("the piece for the owner lacks %q:\n%s", want, refusal.Handover)
		}
	}
}

func TestRefusesClusters(t *testing.T) {
	load := func(endpoint string) string {
		return "  - name: api\n    load_assignment: {endpoints: [{lb_endpoints: [" + endpoint + "]}]}\n"
	}
	host := hostAt("10.0.0.9")
	for _, tt := range []struct{ name, api, want string }{
		{
			"LOGICAL_DNS", "  - name: api\n    type: LOGICAL_DNS\n",
			"20: …type LOGICAL_DNS finds its hosts itself; only STATIC and STRICT_DNS can become EDS",
		},
		{
			"ORIGINAL_DST", "  - name: api\n    type: ORIGINAL_DST\n",
			"20: …type ORIGINAL_DST finds its hosts itself; only STATIC and STRICT_DNS can become EDS",
		},
		{"EDS", "  - name: api\n    type: EDS\n", "20: …its hosts come from another EDS server"},
		{
			"custom", "  - name: api\n    cluster_type: {name: envoy.clusters.redis}\n",
			`20: …it has the custom cluster_type "envoy.clusters.redis"`,
		},
		{"merge key", "  - name: api\n    <<: &x {type: STATIC}\n", "20: …it has a merge key"},
		{"anchor", "  - &x\n    name: api\n    type: STATIC\n", "19: …other places may use its anchor &x"},
		{"alias within", load("&h " + host + ", *h"), "20: …other places may use its anchor &h"},
		{"no hosts", "  - name: api\n    load_assignment: {cluster_name: api}\n", "20: …it has no hosts"},
		{"no load_assignment", "  - name: api\n", "19: …it has no load_assignment"},
		{
			"priority", "  - name: api\n    load_assignment: {endpoints: [{priority: 1, lb_endpoints: [" + host + "]}]}\n",
			"20: …its localities have priorities, which passive-health does not carry",
		},
		{
			"region", "  - name: api\n    load_assignment: {endpoints: [{locality: {region: eu}, lb_endpoints: [" + host + "]}]}\n",
			"20: …passive-health.yaml has no place for region, which would be lost",
		},
		{
			"policy", "  - name: api\n    load_assignment: {policy: {}, endpoints: [{lb_endpoints: [" + host + "]}]}\n",
			"20: …passive-health.yaml has no place for policy, which would be lost",
		},
		{"metadata", load("{metadata: {}, " + host[1:]), "20: …passive-health.yaml has no place for metadata, which would be lost"},
		{"hostname", load("{endpoint: {hostname: h}}"), "20: …passive-health.yaml has no place for hostname, which would be lost"},
		{
			"health check port", load("{endpoint: {healthCheckConfig: {port_value: 81}}}"),
			"20: …passive-health.yaml has no place for health_check_config, which would be lost",
		},
		{"drained", load("{health_status: DRAINING, " + host[1:]), "20: …a host has health_status DRAINING, which would be lost"},
		{
			"pipe", load("{endpoint: {address: {pipe: {path: /run/api}}}}"),
			"20: …a host has no address and port of its own (a pipe, an internal address or a named port)",
		},
		{
			"a weight too large", load("{load_balancing_weight: 129, " + host[1:]),
			`20: …its hosts do not fit into passive-health.yaml: "129" is not a whole number from 1 to 128`,
		},
		{"a host twice", load(host + ", " + host), `20: …its hosts do not fit into passive-health.yaml: "10.0.0.9:80" is taken already`},
		{
			"host names used", "  - name: api\n    type: STRICT_DNS\n    load_assignment: {endpoints: [{lb_endpoints: [" + host + "]}]}\n" +
				"    transport_socket: {typed_config: {auto_host_sni: true}}\n",
			"22: …auto_host_sni needs its hosts' DNS names, which EDS hosts do not have",
		},
		{
			"used to fetch configuration", load(host) +
				"cluster_manager: {load_stats_config: {grpc_services: [{envoy_grpc: {cluster_name: api}}]}}\n",
			"21: …this load_stats_config uses it, and asks for a cluster with hosts of its own",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			result := adapted(t, bootstrap(web(tt.api)), adapt.Options{})
			line, reason, _ := strings.Cut(tt.want, ": …")
			want := adapt.Note{File: "envoy.yaml", Text: fmt.Sprintf("cluster %q refused: %s", "api", reason)}
			if _, err := fmt.Sscan(line, &want.Line); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, result.Notes[0]); diff != "" {
				t.Errorf("(-want, +got):\n%s", diff)
			}
			if !strings.Contains(string(result.Envoy.New()), strings.Split(tt.api, "cluster_manager")[0]) {
				t.Errorf("the refused cluster has changed:\n%s", result.Envoy.Diff())
			}
		})
	}
}
