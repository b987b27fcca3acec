package loop_test

import (
	"testing"
	"time"

	"github.com/envoy-passive-health/passive-health/envoy"
	"github.com/envoy-passive-health/passive-health/envoy/envoytest"
	"github.com/envoy-passive-health/passive-health/envoy/load"
	"github.com/envoy-passive-health/passive-health/envoy/upstream"
)

// At each step of its probation a host gets its weight's share of the requests, within a fifth of it.
func TestReturningHostGetsItsShare(t *testing.T) {
	t.Parallel()
	const step = 3 * time.Second
	f := startFleet(t, envoy.ErrorsOnly, "{recovery_time: 1s, recovery_jitter: 0, probation_weights: [10, 25, 50], probation_step: 3s}", 4)
	host := f.hosts[0]
	f.eject(t)
	client := send(t, f.a, 400)
	var back envoytest.HostState
	envoytest.Until(t, patience, "the host is back", func() bool {
		back = f.state(t, host)
		return back.Verdict == "probation"
	})
	awaitSent(t, client, back.Since.Add(4*step), nil)
	const edge = 300 * time.Millisecond // of a step: requests on their way, and the push
	for i, weight := range []float64{10, 25, 50, 100} {
		from := back.Since.Add(time.Duration(i)*step + edge)
		got, want := share(client, host, from, from.Add(step-2*edge)), weight/(weight+300)
		if got < want*0.8 || got > want*1.2 {
			t.Errorf("at weight %v of 100 the host got %.1f %% of the requests, want %.1f %% within a fifth", weight, got*100, want*100)
		}
	}
	assertNoneFailed(t, client)
}

// share is the part of the requests sent in a time that a host answered.
func share(client *load.Client, host *upstream.Host, from, to time.Time) float64 {
	var its, all float64
	for _, r := range client.Results() {
		if r.At.Before(from) || r.At.After(to) {
			continue
		}
		all++
		if r.Host == host.Addr() {
			its++
		}
	}
	return its / all
}

// A host that is still bad when it returns costs clients probation_error_threshold errors and what is on its way, and
// its next absence is longer.
func TestStillBadHostCostsLittleAndStaysOutLonger(t *testing.T) {
	t.Parallel()
	const onItsWay = 3
	f := startFleet(t, envoy.ErrorsOnly, "{recovery_time: 1s, recovery_jitter: 0, probation_error_threshold: 2}", 4)
	bad := f.hosts[0]
	envoytest.Behave(t, bad, "503")
	clients := []*load.Client{send(t, f.a, 100), send(t, f.b, 100)}
	var out [3]envoytest.HostState
	for i := range out {
		envoytest.Until(t, patience, "the host is ejected again", func() bool {
			out[i] = f.state(t, bad)
			return out[i].Ejections == i+1 && out[i].Verdict == "ejected"
		})
		if got, want := out[i].Until.Sub(out[i].Since), time.Second<<i; got != want {
			t.Errorf("ejection %d lasts %v, want %v", i+1, got, want)
		}
	}
	for _, client := range clients {
		client.Stop()
	}
	for i := range 2 {
		got := between(bad, out[i].Until, out[i+1].Since.Add(250*time.Millisecond))
		if got < 2 || got > 2+onItsWay {
			t.Errorf("return %d cost %d errors, want 2 and at most %d on their way", i+1, got, onItsWay)
		}
	}
}
