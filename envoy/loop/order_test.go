package loop_test

import (
	"net/http"
	"testing"

	"github.com/envoy-passive-health/passive-health/envoy/envoytest"
)

// The service may come after its Envoys: they serve from then on, and the loop closes.
func TestServiceStartsAfterEnvoy(t *testing.T) {
	t.Parallel()
	for _, s := range samples {
		t.Run(string(s), func(t *testing.T) {
			t.Parallel()
			f := &fleet{hosts: startHosts(t, 3)}
			f.service = envoytest.StartService(t, program, configuration("{recovery_time: 60s}", f.hosts...))
			if code, _ := f.service.Stop(t); code != 0 { // its ports are known now
				t.Errorf("the service ended with %d", code)
			}
			f.a, f.b = f.startEnvoy(t, s, "envoy-a"), f.startEnvoy(t, s, "envoy-b")
			if got := envoytest.Get(t, f.a.URL).Status; got != http.StatusServiceUnavailable {
				t.Errorf("%d without hosts, want 503", got)
			}
			f.service.Start(t)
			f.awaitMarks(t, nil)
			if got := envoytest.Get(t, f.a.URL).Status; got != http.StatusOK {
				t.Errorf("%d with hosts, want 200", got)
			}
			f.eject(t)
		})
	}
}

// Envoy may come after the service, and even after the verdict.
func TestEnvoyStartsAfterService(t *testing.T) {
	t.Parallel()
	for _, s := range samples {
		t.Run(string(s), func(t *testing.T) {
			t.Parallel()
			f := startFleet(t, s, "{recovery_time: 60s}", 3)
			f.eject(t)
			late := f.startEnvoy(t, s, "envoy-late")
			envoytest.Until(t, patience, "the late Envoy has the mark", func() bool { return f.marked(t, late, out(f.hosts[0])) })
			for range 2 * len(f.hosts) {
				if got := envoytest.Get(t, late.URL); got.Status != http.StatusOK || got.Host == f.hosts[0].Addr() {
					t.Errorf("%d from %s", got.Status, got.Host)
				}
			}
		})
	}
}
