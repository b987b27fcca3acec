package loop_test

import (
	"testing"
	"time"

	"github.com/envoy-passive-health/passive-health/envoy"
)

// The service ends when it is told to, however many Envoys hold streams to it, and no client notices.
func TestStopUnderLoad(t *testing.T) {
	t.Parallel()
	f := startFleet(t, envoy.AllResponses, "{recovery_time: 60s}", 3)
	f.eject(t)
	a, b := send(t, f.a, 100), send(t, f.b, 100)
	awaitSent(t, a, time.Now(), nil)

	const drainTimeout = 10 * time.Second // the default
	code, took := f.service.Stop(t)
	stopped := time.Now()
	t.Logf("ended after %v", took)
	if code != 0 || took > drainTimeout {
		t.Errorf("ended with %d after %v, want 0 within %v", code, took, drainTimeout)
	}
	awaitSent(t, a, stopped.Add(time.Second), nil)
	awaitSent(t, b, stopped.Add(time.Second), nil)
	if !f.marked(t, f.a, out(f.hosts[0])) || !f.marked(t, f.b, out(f.hosts[0])) {
		t.Error("the mark is gone from an Envoy")
	}
	assertNoneFailed(t, a, b)
}
