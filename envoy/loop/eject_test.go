package loop_test

import (
	"slices"
	"testing"
	"time"

	"github.com/envoy-passive-health/passive-health/envoy/envoytest"
	"github.com/envoy-passive-health/passive-health/envoy/upstream"
)

// Four errors through one Envoy change nothing. The fifth takes the host out of the other one too, which saw none.
func TestFiveErrorsThroughOneEnvoyEjectInBoth(t *testing.T) {
	t.Parallel()
	for _, s := range samples {
		t.Run(string(s), func(t *testing.T) {
			t.Parallel()
			f := startFleet(t, s, "{recovery_time: 60s}", 3)
			bad := f.hosts[0]
			envoytest.Behave(t, bad, failOnPath)
			steady := send(t, f.b, 100)

			fourth := f.fail(t, f.a, bad, 4)
			envoytest.Until(t, patience, "four errors are counted", func() bool { return f.state(t, bad).Window.Errors == 4 })
			envoytest.Until(t, patience, "the host gets 20 requests more", func() bool { return between(bad, fourth, time.Time{}) >= 20 })
			if got := f.state(t, bad); got.Verdict != "healthy" || got.Published != "HEALTHY" {
				t.Fatalf("four errors: %+v", got)
			}

			fifth := f.fail(t, f.a, bad, 1)
			const allowed = 250 * time.Millisecond
			awaitSent(t, steady, fifth.Add(2*time.Second), nil)
			if got := between(bad, fifth.Add(allowed), time.Time{}); got != 0 {
				t.Errorf("%d requests reached the host later than %v after the fifth error", got, allowed)
			}
			for _, host := range f.hosts[1:] {
				if between(host, fifth.Add(allowed), time.Time{}) == 0 {
					t.Errorf("no request reached %s, which is well", host.Addr())
				}
			}
			assertNoneFailed(t, steady)
			f.assertEjected(t, bad)
		})
	}
}

// assertEjected checks what the service says of the one host that is out because of the first Envoy's five errors.
func (f *fleet) assertEjected(t *testing.T, bad *upstream.Host) {
	t.Helper()
	for _, host := range f.hosts {
		got := f.state(t, host)
		if host != bad {
			if got.Verdict != "healthy" || got.TotalErrors != 0 {
				t.Errorf("a host that is well: %+v", got)
			}
			continue
		}
		if got.Verdict != "ejected" || got.Published != "UNHEALTHY" || got.TotalErrors != 5 || got.Ejections != 1 {
			t.Errorf("the ejected host: %+v", got)
		}
	}
	metrics := f.service.Metrics(t)
	for series, want := range map[string]float64{
		`passive_health_ejections_total{cluster="web",reason="errors"}`: 1,
		`passive_health_hosts{cluster="web",state="ejected"}`:           1,
		`passive_health_hosts{cluster="web",state="healthy"}`:           2,
	} {
		if got := metrics[series]; got != want {
			t.Errorf("%s %v, want %v", series, got, want)
		}
	}
	ejections := f.service.Logged("host.ejected")
	if len(ejections) != 1 || !slices.Equal(reporters(ejections[0]), []string{"envoy-a"}) {
		t.Errorf("logged %v, want one ejection seen by envoy-a alone", ejections)
	}
}

// reporters returns the Envoys that a log entry names.
func reporters(e envoytest.LogEntry) (names []string) {
	list, _ := e["reporters"].([]any)
	for _, name := range list {
		names = append(names, name.(string))
	}
	return names
}
