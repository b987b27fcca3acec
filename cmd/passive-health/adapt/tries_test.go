package adapt

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/envoy-passive-health/passive-health/envoy"
)

// withTries is a shipped configuration whose cluster has an upstream filter.
func withTries(t *testing.T) *kit {
	t.Helper()
	source, err := envoy.AllResponses.YAML()
	if err != nil {
		t.Fatal(err)
	}
	filter := `    lb_policy: ROUND_ROBIN
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {http_protocol_options: {}}
        http_filters:
        - name: envoy.filters.http.ext_proc
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor
            grpc_service: {envoy_grpc: {cluster_name: passive_health}}
            observability_mode: true
            failure_mode_allow: true
            processing_mode: {request_header_mode: SKIP, response_header_mode: SEND}
        - name: envoy.filters.http.upstream_codec
          typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec}
`
	text := strings.Replace(string(source), "    lb_policy: ROUND_ROBIN\n", filter, 1)
	k, err := newKit("tries.yaml", []byte(text), "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestSeesTries: a real Envoy takes the upstream filters in each cluster that can have them, and each other one is named.
func TestSeesTries(t *testing.T) {
	binary, err := envoy.Binary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	k := withTries(t)
	source, err := envoy.ErrorsOnly.YAML()
	if err != nil {
		t.Fatal(err)
	}
	const typed = `"@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions`
	for _, tt := range []struct{ name, has, note string }{
		{"nothing", "", ""},
		{"options of another kind", "    typed_extension_protocol_options: {}\n", ""},
		{"its own protocol", "    typed_extension_protocol_options:\n      " + httpOptions + ":\n        " + typed +
			"\n        explicit_http_config: {http2_protocol_options: {}}\n", ""},
		{"its own protocol in flow style", "    typed_extension_protocol_options: {" + httpOptions + ": {" + typed +
			", explicit_http_config: {http2_protocol_options: {}}}}\n", ""},
		{"an old option", "    http2_protocol_options: {}\n", "old protocol option"},
		{"its own filters", "    typed_extension_protocol_options: {" + httpOptions + ": {" + typed +
			", explicit_http_config: {http_protocol_options: {}}, http_filters: [{name: envoy.filters.http.upstream_codec, typed_config: " +
			`{"@type": type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec}}]}}` + "\n", "upstream filters"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, fallback := range []Fallback{FallbackNone, FallbackAggregate} {
				a := &adaption{options: Options{Fallback: fallback}.withDefaults(), kit: k}
				result, err := a.run(Input{EnvoyName: "envoy.yaml", ConfigName: "passive-health.yaml", Envoy: plainOf(t, source, tt.has)})
				if err != nil {
					t.Fatal(err)
				}
				if err := Validate(t.Context(), binary, ".yaml", result.Envoy.New()); err != nil {
					t.Errorf("Envoy says: %v\n%s", err, result.Envoy.Diff())
				}
				if notes := fmt.Sprint(result.Notes); !strings.Contains(notes, tt.note) || tt.note == "" && notes != "[]" {
					t.Errorf("notes %v, want one with %q", notes, tt.note)
				}
				added := slices.ContainsFunc(result.Envoy.Edits, func(e Edit) bool { return strings.Contains(e.Text, "upstream_codec") })
				if added != (tt.note == "") && fallback == FallbackNone { // a copy has what the cluster had
					t.Errorf("upstream filters added: %v, with the note %q", added, tt.note)
				}
			}
		})
	}
}

// plainOf takes our pieces out of the shipped configuration: what is left is as a user has it.
func plainOf(t *testing.T, source []byte, more string) []byte {
	t.Helper()
	text := string(source)
	filter, _, _ := strings.Cut(text, "          # [2]")
	_, routed, _ := strings.Cut(text, "          - name: envoy.filters.http.router")
	routed, _, found := strings.Cut(routed, "  # [3]")
	if !found {
		t.Fatal("the shipped configuration has no [3]")
	}
	return []byte(filter + "          - name: envoy.filters.http.router" + routed + "  - name: web\n" + more +
		"    load_assignment: {cluster_name: web, endpoints: [{lb_endpoints: " +
		"[{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 80}}}}]}]}\n  - name: passive_health\n" +
		"    load_assignment: {cluster_name: passive_health, endpoints: []}\n")
}
