package loop_test

import (
	"testing"

	"github.com/envoy-passive-health/passive-health/envoy"
	"github.com/envoy-passive-health/passive-health/envoy/envoytest"
)

// The samples' pings, one each 5 s, neither are taken for an attack nor go unanswered: after five of them everything
// goes over the connections of the beginning.
func TestConnectionsStayOpen(t *testing.T) {
	t.Parallel()
	f := startFleet(t, envoy.AllResponses, "{}", 3)
	envoys := []*envoytest.Envoy{f.a, f.b}
	opened := make(map[*envoytest.Envoy]int64)
	for _, e := range envoys {
		envoytest.Get(t, e.URL) // opens the connection for responses
		opened[e] = connections(t, e, "upstream_cx_total")
	}
	envoytest.Until(t, 2*patience, "both Envoys have run for 26 s", func() bool {
		return f.a.Stat(t, "server.uptime") >= 26 && f.b.Stat(t, "server.uptime") >= 26
	})
	for _, e := range envoys {
		envoytest.Get(t, e.URL)
		if got := connections(t, e, "upstream_cx_total"); got != opened[e] {
			t.Errorf("%d connections to the service were opened, want %d", got, opened[e])
		}
		if got := connections(t, e, "upstream_cx_destroy"); got != 0 {
			t.Errorf("%d connections to the service were closed", got)
		}
	}
	if got := f.service.Metrics(t)["passive_health_xds_streams_active"]; got != 2 {
		t.Errorf("%v xDS streams, want 2", got)
	}
	if got := f.service.Logged("proxy.gone"); len(got) != 0 {
		t.Errorf("an Envoy left: %v", got)
	}
}

// connections adds up a counter of both of the samples' clusters for the service.
func connections(t *testing.T, e *envoytest.Envoy, counter string) int64 {
	t.Helper()
	return e.Stat(t, "cluster.passive_health."+counter) + e.Stat(t, "cluster.passive_health_xds."+counter)
}
