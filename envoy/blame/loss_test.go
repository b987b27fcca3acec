package blame_test

import (
	"path/filepath"
	"testing"

	"github.com/envoy-passive-health/passive-health/envoy"
	"github.com/envoy-passive-health/passive-health/envoy/envoytest"
	"github.com/envoy-passive-health/passive-health/envoy/load"
)

// Half of what the filter tells gets lost on its way, before and after a restart of the service: the number of failures
// charged is the number that happened.
//
// For the restart itself this does not hold. Envoy opens its next load-report stream five seconds later, and the first
// report on it counts everything since the last one to the former service. How much of that the former one was shown,
// nobody knows any more; so it charges nothing hidden, and of these seconds only that is charged which the filter tells
// and which arrives: fewer failures than happened, never more.
func TestLostMessagesAreChargedAllTheSame(t *testing.T) {
	t.Parallel()
	hosts := startThree(t)
	config := setup{policy: "{error_threshold: 10000, window: 1h}", interval: "200ms"}.
		configuration(envoy.ErrorsOnly, hosts.addresses()) + "state_file: " + filepath.Join(t.TempDir(), "state.json") + "\n"
	service := envoytest.StartService(t, program, config)
	proxy := envoytest.StartLossy(t, service.ExtProc)
	r := &rig{service: service, envoy: newBootstrap(t, envoy.ErrorsOnly, envoy.Params{ExtProc: proxy.Addr, XDS: service.XDS}).start(t)}
	r.awaitReports(t, 2)

	proxy.Lose(true)
	envoytest.Behave(t, hosts.bad, "503")
	before := r.failures(t, 60)
	r.awaitCharged(t, hosts, before)
	if proxy.Lost() != before/2 {
		t.Fatalf("%d messages of %d were lost, want half", proxy.Lost(), before)
	}

	burst := load.Start(t.Context(), r.envoy.URL, 50)
	defer burst.Stop()
	awaitTraffic(t, burst)
	code, took := service.Stop(t)
	if code != 0 {
		t.Fatalf("the service ended with %d", code)
	}
	t.Logf("stopped in %v", took)
	service.Start(t)
	r.awaitReports(t, 2)
	burst.Stop()
	_, around := burst.Counts()
	r.settle(t)
	charged := r.assertCharged(t, hosts, before, before+around)

	after := r.failures(t, 60)
	r.awaitCharged(t, hosts, charged+after)
	t.Logf("%d before the restart, %d around it of which %d were charged, %d after it", before, around, charged-before, after)
}

// failures sends requests one after another, and returns how many failed.
func (r *rig) failures(t *testing.T, n int) (failed int) {
	t.Helper()
	for range n {
		if envoytest.Get(t, r.envoy.URL).Status == 503 {
			failed++
		}
	}
	return failed
}

// awaitCharged returns when the bad host is charged with so many failures, and stays so.
func (r *rig) awaitCharged(t *testing.T, hosts three, want int) {
	t.Helper()
	envoytest.Until(t, patience, "every failure is charged", func() bool {
		return r.service.HostState(t, web, hosts.bad.Addr()).TotalErrors >= want
	})
	r.settle(t)
	r.assertCharged(t, hosts, want, want)
}

// assertCharged checks how many failures the bad host is charged with, and the others with none.
func (r *rig) assertCharged(t *testing.T, hosts three, least, most int) int {
	t.Helper()
	got := r.service.HostState(t, web, hosts.bad.Addr()).TotalErrors
	if got < least || got > most {
		t.Errorf("charged with %d failures, want %d to %d", got, least, most)
	}
	r.assertOthersIn(t, hosts.bad.Addr())
	return got
}
