package loop_test

import (
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/envoy-passive-health/passive-health/envoy"
	"github.com/envoy-passive-health/passive-health/envoy/envoytest"
	"github.com/envoy-passive-health/passive-health/envoy/load"
	"github.com/envoy-passive-health/passive-health/envoy/upstream"
)

const reloadPolicy = "{recovery_time: 60s}"

// A reload adds and removes hosts and leaves the others what they are. One with faults changes nothing and says all of
// them. Each of the three ways to ask for one is used.
func TestReload(t *testing.T) {
	t.Parallel()
	f := startFleet(t, envoy.AllResponses, reloadPolicy, 3)
	ejected := f.eject(t)
	steady := send(t, f.b, 100)
	stays, goes, comes := f.hosts[0], f.hosts[2], envoytest.StartHost(t)

	f.replaceBySignal(t, goes, comes, steady)
	f.assertKept(t, stays, ejected)

	f.assertRefused(t)
	f.assertKept(t, stays, ejected)

	f.hosts = append(f.hosts, goes)
	f.service.Configure(t, configuration(reloadPolicy, f.hosts...)) // and the service finds it by itself
	f.awaitMarks(t, out(stays))
	awaitSent(t, steady, time.Now(), goes)
	f.assertKept(t, stays, ejected)
	f.awaitReloads(t, 1)
	assertNoneFailed(t, steady)
}

// replaceBySignal puts one host into another's place.
func (f *fleet) replaceBySignal(t *testing.T, goes, comes *upstream.Host, steady *load.Client) {
	t.Helper()
	f.hosts = []*upstream.Host{f.hosts[0], f.hosts[1], comes}
	f.service.Configure(t, configuration(reloadPolicy, f.hosts...))
	f.service.Signal(t, syscall.SIGHUP)
	f.awaitMarks(t, out(f.hosts[0]))
	envoytest.Until(t, patience, "the host is gone", func() bool {
		_, inA := f.a.Host(t, web, goes.Addr())
		_, inB := f.b.Host(t, web, goes.Addr())
		return !inA && !inB
	})
	gone := time.Now()
	awaitSent(t, steady, gone, comes)
	if got := between(goes, gone, time.Time{}); got != 0 {
		t.Errorf("%d requests reached the host that is gone", got)
	}
	f.awaitReloads(t, 1)
}

// assertRefused asks for a reload of a configuration with two faults.
func (f *fleet) assertRefused(t *testing.T) {
	t.Helper()
	f.service.Configure(t, "policy: {error_threshold: 0}\nclusters:\n- {name: web, hosts: []}\n")
	status, body := f.service.Reload(t)
	if status != http.StatusUnprocessableEntity ||
		!strings.Contains(body, ":3:27: policy.error_threshold: 0 is not") || !strings.Contains(body, "clusters[0].hosts: is empty") {
		t.Errorf("%d: %s", status, body)
	}
	f.awaitReloads(t, 0)
	if got := len(f.service.Hosts(t, web)); got != len(f.hosts) {
		t.Errorf("%d hosts, want %d", got, len(f.hosts))
	}
	if !f.marked(t, f.a, out(f.hosts[0])) || !f.marked(t, f.b, out(f.hosts[0])) {
		t.Error("the Envoys' hosts have changed")
	}
}

// assertKept checks that a host has the state that it had.
func (f *fleet) assertKept(t *testing.T, host *upstream.Host, want envoytest.HostState) {
	t.Helper()
	got := f.state(t, host)
	if got.Verdict != want.Verdict || !got.Until.Equal(want.Until) || got.TotalErrors != want.TotalErrors {
		t.Errorf("after the reload %+v, want as before %+v", got, want)
	}
}

// awaitReloads returns when the metrics say how the last reload went.
func (f *fleet) awaitReloads(t *testing.T, successful float64) {
	t.Helper()
	envoytest.Until(t, patience, "the metrics tell of the reload", func() bool {
		return f.service.Metrics(t)["passive_health_config_last_reload_successful"] == successful
	})
}
