package blame_test

import (
	"testing"

	"github.com/envoy-passive-health/passive-health/envoy"
	"github.com/envoy-passive-health/passive-health/envoy/envoytest"
	"github.com/envoy-passive-health/passive-health/envoy/load"
	"github.com/envoy-passive-health/passive-health/envoy/upstream"
)

// The busiest host has the most errors, at the same share as all: it is not the one that trips. With a share of its own
// it is. Volumes come from load reports, errors from the filter: the shipped sample.
func TestRatioSparesTheBusiestHost(t *testing.T) {
	t.Parallel()
	hosts := []*upstream.Host{
		envoytest.StartHost(t), envoytest.StartHost(t), envoytest.StartHost(t), envoytest.StartHost(t),
	}
	var addresses []string
	for _, host := range hosts {
		addresses = append(addresses, host.Addr())
		envoytest.Behave(t, host, "503,2%")
	}
	busiest := hosts[0]
	r := startRig(t, envoy.ErrorsOnly, setup{
		policy: "{failure_percent: 20, min_requests: 50}", weights: []int{120, 40, 40, 40},
	}, addresses...)
	client := load.Start(t.Context(), r.envoy.URL, 200)
	defer client.Stop()

	const twiceTheThreshold = 10
	envoytest.Until(t, patience, "the busiest host has twice as many errors as the threshold", func() bool {
		return r.service.HostState(t, web, busiest.Addr()).TotalErrors >= twiceTheThreshold
	})
	if busy, idle := busiest.Total(), hosts[1].Total(); busy < 2*idle {
		t.Errorf("the busiest host had %d requests, another one %d", busy, idle)
	}
	for _, host := range r.service.Hosts(t, web) {
		if host.Published != "HEALTHY" || host.Ejections != 0 {
			t.Errorf("a host with 2 %% errors: %+v", host)
		}
	}

	bad := hosts[1]
	envoytest.Behave(t, bad, "503,30%")
	envoytest.Until(t, patience, "the host with 30 % errors is ejected", func() bool { return r.ejected(t, bad.Addr()) })
	for _, host := range r.service.Hosts(t, web) {
		if host.Host != bad.Addr() && host.Ejections != 0 {
			t.Errorf("a host with 2 %% errors: %+v", host)
		}
	}
}
