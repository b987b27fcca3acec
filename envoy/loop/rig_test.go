package loop_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/envoy-passive-health/passive-health/envoy"
	"github.com/envoy-passive-health/passive-health/envoy/envoytest"
	"github.com/envoy-passive-health/passive-health/envoy/upstream"
)

// rig is one Envoy with routes and clusters for every reply. What the sample has stays as it is.
type rig struct {
	service *envoytest.Service
	envoy   *envoytest.Envoy
	host    *upstream.Host // of clusters web, one and no-queue
	http2   *upstream.HTTP2Host
}

// rigRoutes stand before the sample's route. Its timeout is what the rest of them are to stay clear of.
const rigRoutes = `
- {match: {prefix: /hole}, route: {cluster: hole}}
- {match: {prefix: /http2}, route: {cluster: http2}}
- {match: {prefix: /per-try}, route: {cluster: web, retry_policy: {per_try_timeout: 0.1s}}}
- {match: {prefix: /one}, route: {cluster: one}}
- {match: {prefix: /no-queue}, route: {cluster: no-queue}}
- {match: {prefix: /nobody}, route: {cluster: nobody}}
- {match: {prefix: /by-header}, route: {cluster_header: x-cluster}}
- {match: {prefix: /direct}, direct_response: {status: 503}}
- {match: {prefix: /redirect}, redirect: {path_redirect: /}}
- {match: {prefix: /patient}, route: {cluster: web}}
`

// rigClusters are the sample's cluster with these changes; its name is the EDS name too.
const rigClusters = `
- {name: hole, connect_timeout: 0.2s}
- {name: one, circuit_breakers: {thresholds: [{max_requests: 1}]}}
- {name: no-queue, circuit_breakers: {thresholds: [{max_pending_requests: 0}]}}
- name: http2
  typed_extension_protocol_options:
    envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
      "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
      explicit_http_config: {http2_protocol_options: {}}
`

// startRig returns when Envoy has all hosts. No host is ever ejected: what is charged is all that matters.
func startRig(t *testing.T, s envoy.Sample) *rig {
	t.Helper()
	r := &rig{host: envoytest.StartHost(t), http2: envoytest.StartHTTP2Host(t)}
	const policy = "{error_threshold: 1000, window: 1h, count_hidden: false, count_late_resets: false}"
	addresses := map[string]string{
		web: r.host.Addr(), "one": r.host.Addr(), "no-queue": r.host.Addr(),
		"http2": r.http2.Addr(), "hole": envoytest.StartHole(t).Addr(),
	}
	var config strings.Builder
	config.WriteString("policy: " + policy + "\nclusters:\n")
	for cluster, address := range addresses {
		fmt.Fprintf(&config, "- {name: %s, hosts: [%q]}\n", cluster, address)
	}
	r.service = envoytest.StartService(t, program, config.String())
	r.envoy = envoytest.StartConfig(t, rigConfig(t, s, r.service))
	for cluster, address := range addresses {
		envoytest.Until(t, patience, "Envoy has the host of "+cluster, func() bool {
			_, ok := r.envoy.Host(t, cluster, address)
			return ok
		})
	}
	return r
}

// rigConfig is the sample with more routes and clusters.
func rigConfig(t *testing.T, s envoy.Sample, service *envoytest.Service) []byte {
	t.Helper()
	rendered, err := envoy.Render(s, envoy.Params{
		Admin: "127.0.0.1:0", Listener: "127.0.0.1:0", ExtProc: service.ExtProc, XDS: service.XDS,
		Timeout: 300 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	config := parse[map[string]any](t, string(rendered))
	resources := config["static_resources"].(map[string]any)
	listener := resources["listeners"].([]any)[0].(map[string]any)
	filters := listener["filter_chains"].([]any)[0].(map[string]any)["filters"].([]any)
	routing := filters[0].(map[string]any)["typed_config"].(map[string]any)["route_config"].(map[string]any)
	main := routing["virtual_hosts"].([]any)[0].(map[string]any)
	main["routes"] = append(parse[[]any](t, rigRoutes), main["routes"].([]any)...)
	nowhere := map[string]any{"name": "nowhere", "domains": []string{"nowhere"}}
	routing["virtual_hosts"] = []any{main, nowhere}
	resources["clusters"] = withRigClusters(t, resources["clusters"].([]any))
	out, err := yaml.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// withRigClusters adds variants of the first cluster, and one without hosts.
func withRigClusters(t *testing.T, clusters []any) []any {
	t.Helper()
	template, err := yaml.Marshal(clusters[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range parse[[]map[string]any](t, rigClusters) {
		cluster := parse[map[string]any](t, string(template))
		maps.Copy(cluster, change)
		cluster["eds_cluster_config"].(map[string]any)["service_name"] = change["name"]
		clusters = append(clusters, cluster)
	}
	return append(clusters, map[string]any{"name": "nobody", "type": "STATIC"})
}

func parse[T any](t *testing.T, text string) (v T) {
	t.Helper()
	if err := yaml.Load([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// do sends a request that edit may have changed, on a connection of its own, and reads what there is of the answer.
func (r *rig) do(t *testing.T, path string, edit func(*http.Request)) envoytest.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.envoy.URL+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if edit != nil {
		edit(request)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(request) // which follows no redirect
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return envoytest.Response{Status: response.StatusCode, Body: string(body), Err: err}
}
