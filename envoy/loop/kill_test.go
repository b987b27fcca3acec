package loop_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/envoy-passive-health/passive-health/envoy"
	"github.com/envoy-passive-health/passive-health/envoy/envoytest"
	"github.com/envoy-passive-health/passive-health/envoy/upstream"
)

// A service that is killed takes no request with it: the marks stay in the Envoys, and the next service lifts them on
// time, not before and not much later.
func TestKilledServiceLeavesItsMarksAndKeepsTheirTime(t *testing.T) {
	t.Parallel()
	f := &fleet{hosts: startHosts(t, 3)}
	state := filepath.Join(t.TempDir(), "state.json")
	f.startWithState(t, state, "{recovery_time: 8s}")
	ejected := f.eject(t)
	awaitSaved(t, state, f.hosts[0])
	a, b := send(t, f.a, 100), send(t, f.b, 100)
	awaitSent(t, a, time.Now(), nil)

	f.service.Kill(t)
	killed := time.Now()
	awaitSent(t, a, killed.Add(time.Second), nil)
	awaitSent(t, b, killed.Add(time.Second), nil)
	if !f.marked(t, f.a, out(f.hosts[0])) || !f.marked(t, f.b, out(f.hosts[0])) {
		t.Error("the mark is gone from an Envoy")
	}

	f.service.Start(t)
	if got := f.state(t, f.hosts[0]); !got.Until.Equal(ejected.Until) || got.Verdict != "ejected" || got.TotalErrors != 5 {
		t.Errorf("after the restart %+v, want as before %+v", got, ejected)
	}
	const late = 2 * time.Second
	awaitSent(t, a, ejected.Until, f.hosts[0])
	awaitSent(t, b, ejected.Until, f.hosts[0])
	if got := between(f.hosts[0], killed, ejected.Until); got != 0 {
		t.Errorf("%d requests reached the host before its time", got)
	}
	if between(f.hosts[0], ejected.Until, ejected.Until.Add(late)) == 0 {
		t.Errorf("no request reached the host within %v of its time", late)
	}
	assertNoneFailed(t, a, b)
}

// A state file that makes no sense costs the marks and nothing else.
func TestDamagedStateMeansNoMarks(t *testing.T) {
	t.Parallel()
	state := filepath.Join(t.TempDir(), "state.json")
	f := &fleet{hosts: startHosts(t, 3)}
	f.startWithState(t, state, "{recovery_time: 60s}")
	f.eject(t)
	awaitSaved(t, state, f.hosts[0])
	f.service.Kill(t)
	whole, err := os.ReadFile(state)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(state, whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}

	f.service.Start(t)
	if got := f.service.Logged("state.unreadable"); len(got) != 1 || got[0]["level"] != "WARN" || got[0]["path"] != state {
		t.Errorf("logged %v, want one warning of %s", got, state)
	}
	f.awaitMarks(t, nil)
	if got := f.state(t, f.hosts[0]); got.Verdict != "healthy" {
		t.Errorf("after the restart: %+v", got)
	}
}

// startWithState starts the service and two Envoys that report everything, so that each request involves the service.
func (f *fleet) startWithState(t *testing.T, state, policy string) {
	t.Helper()
	config := fmt.Sprintf("state_file: %q\n", state) + configuration(policy, f.hosts...)
	f.service = envoytest.StartService(t, program, config)
	f.a, f.b = f.startEnvoy(t, envoy.AllResponses, "envoy-a"), f.startEnvoy(t, envoy.AllResponses, "envoy-b")
	f.awaitMarks(t, nil)
}

// awaitSaved returns when the state file names the host.
func awaitSaved(t *testing.T, path string, host *upstream.Host) {
	t.Helper()
	envoytest.Until(t, patience, "the state is saved", func() bool {
		data, err := os.ReadFile(path)
		return err == nil && strings.Contains(string(data), host.Addr())
	})
}
