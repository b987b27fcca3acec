package loop_test

import (
	"testing"
	"time"

	"github.com/envoy-passive-health/passive-health/envoy/envoytest"
)

// A host comes back on time through both Envoys. Still bad, it goes out again; well, it stays.
func TestHostComesBackInBothAndGoesAgainIfStillBad(t *testing.T) {
	const policy = "{recovery_time: 2s, recovery_time_max: 2s, probation_step: 500ms}"
	t.Parallel()
	for _, s := range samples {
		t.Run(string(s), func(t *testing.T) {
			t.Parallel()
			f := startFleet(t, s, policy, 3)
			bad := f.hosts[0]
			a, b := send(t, f.a, 50), send(t, f.b, 50)
			envoytest.Behave(t, bad, "503")

			first := f.awaitEjection(t, 1)
			second := f.awaitEjection(t, 2)
			envoytest.Behave(t, bad, "ok")
			awaitSent(t, a, second.Until, bad)
			awaitSent(t, b, second.Until, bad)
			envoytest.Until(t, patience, "the host is healthy again", func() bool { return f.state(t, bad).Verdict == "healthy" })
			f.awaitMarks(t, nil)

			f.assertLeftAlone(t, first)
			f.assertLeftAlone(t, second)
			if got := between(bad, first.Until, second.Since); got == 0 {
				t.Error("ejected again without a request")
			}
			if got := f.state(t, bad).Ejections; got != 2 {
				t.Errorf("%d ejections, want 2", got)
			}
		})
	}
}

// awaitEjection returns the first host's n-th ejection.
func (f *fleet) awaitEjection(t *testing.T, n int) (ejected envoytest.HostState) {
	t.Helper()
	envoytest.Until(t, patience, "the host is ejected", func() bool {
		ejected = f.state(t, f.hosts[0])
		return ejected.Ejections == n && ejected.Verdict == "ejected"
	})
	if got := ejected.Until.Sub(ejected.Since); got < 2*time.Second || got > 2200*time.Millisecond {
		t.Errorf("ejected for %v, want recovery_time and at most its jitter", got)
	}
	return ejected
}

// assertLeftAlone checks that the first host got no request while it was out.
func (f *fleet) assertLeftAlone(t *testing.T, out envoytest.HostState) {
	t.Helper()
	const allowed = 250 * time.Millisecond
	if got := between(f.hosts[0], out.Since.Add(allowed), out.Until); got != 0 {
		t.Errorf("%d requests reached the host between %v and %v", got, out.Since, out.Until)
	}
}
