package upstream_test

import (
	"fmt"
	"net"
	"testing"

	"github.com/envoy-passive-health/passive-health/envoy/envoytest"
)

// A static cluster of one host behind a route with a timeout: what a host does shows as Envoy's own verdict on it.
const bootstrap = `
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
static_resources:
  listeners:
  - address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: main
          route_config:
            virtual_hosts:
            - name: main
              domains: ["*"]
              routes: [{match: {prefix: /}, route: {cluster: host, timeout: 0.5s}}]
              response_headers_to_add:
              - header: {key: x-details, value: "%%RESPONSE_CODE_DETAILS%%"}
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
  clusters:
  - name: host
    connect_timeout: 0.3s
    %s
    load_assignment:
      cluster_name: host
      endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: %s, port_value: %s}}}}]}]
`

const http2 = `typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {
      "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions,
      explicit_http_config: {http2_protocol_options: {}}}}`

// startFor runs an Envoy whose only host is at the address.
func startFor(t *testing.T, address, protocol string) *envoytest.Envoy {
	t.Helper()
	ip, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return envoytest.StartConfig(t, fmt.Appendf(nil, bootstrap, protocol, ip, port))
}
