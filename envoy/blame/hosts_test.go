package blame_test

import (
	"testing"

	"github.com/envoy-passive-health/passive-health/envoy"
	"github.com/envoy-passive-health/passive-health/envoy/envoytest"
	"github.com/envoy-passive-health/passive-health/envoy/load"
	"github.com/envoy-passive-health/passive-health/envoy/upstream"
)

// three are the hosts of a cluster, one of which is to fail.
type three struct{ bad, good, other *upstream.Host }

func startThree(t *testing.T) three {
	t.Helper()
	return three{envoytest.StartHost(t), envoytest.StartHost(t), envoytest.StartHost(t)}
}

func (h three) addresses() []string {
	return []string{h.bad.Addr(), h.good.Addr(), h.other.Addr()}
}

// startRetrying runs a sample whose one route retries.
func startRetrying(t *testing.T, s envoy.Sample, interval string) (*rig, three) {
	t.Helper()
	hosts := startThree(t)
	return startRig(t, s, setup{
		interval: interval,
		edit: func(t *testing.T, b bootstrap) {
			t.Helper()
			b.route()["retry_policy"] = parse[map[string]any](t, retrying)
			b.web()["circuit_breakers"] = parse[map[string]any](t, manyRetries)
		},
	}, hosts.addresses()...), hosts
}

// awaitTraffic returns when a client's first requests have been answered.
func awaitTraffic(t *testing.T, client *load.Client) {
	t.Helper()
	envoytest.Until(t, patience, "requests are answered", func() bool {
		total, _ := client.Counts()
		return total >= 10
	})
}
