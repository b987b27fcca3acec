package loop_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/envoy-passive-health/passive-health/envoy"
	"github.com/envoy-passive-health/passive-health/envoy/load"
)

// A service that hangs costs the clients nothing, and works again when it does not. Every request reports to it, which
// is the worst case.
func TestFrozenServiceCostsClientsNothing(t *testing.T) {
	t.Parallel()
	f := startFleet(t, envoy.AllResponses, "{recovery_time: 60s}", 3)
	a, b := send(t, f.a, 100), send(t, f.b, 100)
	awaitSent(t, a, time.Now().Add(time.Second), nil)

	f.service.Signal(t, syscall.SIGSTOP)
	frozen := time.Now()
	thawed := frozen.Add(10 * time.Second)
	awaitSent(t, a, thawed, nil)
	awaitSent(t, b, thawed, nil)
	f.service.Signal(t, syscall.SIGCONT)
	thawed = time.Now()

	f.awaitMarks(t, nil)
	f.eject(t)
	assertNoneFailed(t, a, b)
	results := append(a.Results(), b.Results()...)
	before, during := load.Summarize(sentBetween(results, time.Time{}, frozen)), load.Summarize(sentBetween(results, frozen, thawed))
	t.Logf("before: p99 %v, at most %v; frozen: p99 %v, at most %v", before.P99, before.Max, during.P99, during.Max)
	if during.Total < 1500 {
		t.Errorf("%d requests in 10 s, want some 2000", during.Total)
	}
	// What waited for the service would wait for the 200 ms of ext_proc's message_timeout and for longer.
	if limit := max(150*time.Millisecond, 10*before.P99); during.P99 > limit {
		t.Errorf("99%% of the requests took up to %v while the service hung, %v before", during.P99, before.P99)
	}
	if during.Max > time.Second {
		t.Errorf("a request took %v", during.Max)
	}
}

func sentBetween(results []load.Result, from, to time.Time) (sent []load.Result) {
	for _, r := range results {
		if r.At.After(from) && r.At.Before(to) {
			sent = append(sent, r)
		}
	}
	return sent
}
