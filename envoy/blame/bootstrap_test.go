package blame_test

import (
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/envoy-passive-health/passive-health/envoy"
	"github.com/envoy-passive-health/passive-health/envoy/envoytest"
)

// bootstrap is a sample, parsed: a test adds to it what its users have of their own, and changes nothing else.
type bootstrap struct{ tree map[string]any }

// retrying is what users write who retry.
const retrying = `
retry_on: 5xx,reset,connect-failure
num_retries: 2
retry_host_predicate:
- name: envoy.retry_host_predicates.previous_hosts
  typed_config: {"@type": type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate}
host_selection_retry_max_attempts: 10
`

// manyRetries goes with it: by default more than three at a time are not made, and a busy machine sends in bursts.
const manyRetries = "{thresholds: [{max_retries: 1000}]}"

// overHTTP2 is what a cluster of gRPC hosts needs.
const overHTTP2 = `
envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
  "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
  explicit_http_config: {http2_protocol_options: {}}
`

func newBootstrap(t *testing.T, s envoy.Sample, p envoy.Params) bootstrap {
	t.Helper()
	p.Admin, p.Listener = "127.0.0.1:0", "127.0.0.1:0"
	rendered, err := envoy.Render(s, p)
	if err != nil {
		t.Fatal(err)
	}
	return bootstrap{parse[map[string]any](t, string(rendered))}
}

func (b bootstrap) start(t *testing.T) *envoytest.Envoy {
	t.Helper()
	config, err := yaml.Marshal(b.tree)
	if err != nil {
		t.Fatal(err)
	}
	return envoytest.StartConfig(t, config)
}

// routing is the sample's route_config.
func (b bootstrap) routing() map[string]any {
	return in[map[string]any](b.tree, "static_resources", "listeners", 0, "filter_chains", 0, "filters", 0, "typed_config", "route_config")
}

// host is the sample's virtual host.
func (b bootstrap) host() map[string]any { return in[map[string]any](b.routing(), "virtual_hosts", 0) }

// route is what the sample's one route does.
func (b bootstrap) route() map[string]any { return in[map[string]any](b.host(), "routes", 0, "route") }

func (b bootstrap) resources() map[string]any { return in[map[string]any](b.tree, "static_resources") }

// web is the sample's cluster of the user.
func (b bootstrap) web() map[string]any { return in[map[string]any](b.resources(), "clusters", 0) }

// in walks down: a text is a key, a number an index.
func in[T any](at any, path ...any) T {
	for _, step := range path {
		switch step := step.(type) {
		case int:
			at = at.([]any)[step]
		case string:
			at = at.(map[string]any)[step]
		}
	}
	return at.(T)
}

func parse[T any](t *testing.T, text string) (v T) {
	t.Helper()
	if err := yaml.Load([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}
