// Package envoytest gives a test real Envoys and real hosts. Whatever it starts is gone when the test ends, and what
// cannot be started fails the test.
package envoytest

import (
	"os"
	"testing"

	"github.com/envoy-passive-health/passive-health/envoy"
)

// Nowhere is an address on which nothing listens: port 1 is reserved and no service takes it.
const Nowhere = "127.0.0.1:1"

// Envoy is a running Envoy of one test.
type Envoy struct {
	*envoy.Process

	URL      string // of its listener: "http://127.0.0.1:41234"
	AdminURL string // of its admin interface
}

// Start runs a shipped sample. What p leaves empty is set for a test: free ports on 127.0.0.1, and a service that is
// not there. The node id stays as it is shipped.
func Start(t testing.TB, s envoy.Sample, p envoy.Params) *Envoy {
	t.Helper()
	for _, address := range []*string{&p.Admin, &p.Listener} {
		if *address == "" {
			*address = "127.0.0.1:0"
		}
	}
	for _, address := range []*string{&p.ExtProc, &p.XDS} {
		if *address == "" {
			*address = Nowhere
		}
	}
	config, err := envoy.Render(s, p)
	if err != nil {
		t.Fatal(err)
	}
	return StartConfig(t, config)
}

// StartConfig runs a configuration of the test's own.
func StartConfig(t testing.TB, config []byte) *Envoy {
	t.Helper()
	process, err := envoy.Start(t.Context(), envoy.Options{Config: config, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, process) })
	return &Envoy{Process: process, URL: "http://" + process.Address(), AdminURL: "http://" + process.AdminAddress()}
}

// stop ends Envoy, and shows its log if the test failed.
func stop(t testing.TB, process *envoy.Process) {
	t.Helper()
	if err := process.Stop(); err != nil {
		t.Error(err)
	}
	if !t.Failed() {
		return
	}
	log, err := os.ReadFile(process.LogPath())
	t.Logf("Envoy's log (%v):\n%s", err, log)
}

// Stat returns one of Envoy's counters or gauges, 0 if it has none of that name.
func (e *Envoy) Stat(t testing.TB, name string) int64 {
	t.Helper()
	stats, err := e.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return stats[name]
}

// Host returns what Envoy says of a host, and whether the cluster has it.
func (e *Envoy) Host(t testing.TB, cluster, address string) (status envoy.HostStatus, ok bool) {
	t.Helper()
	hosts, err := e.Hosts(t.Context(), cluster)
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range hosts {
		if host.Address == address {
			return host, true
		}
	}
	return envoy.HostStatus{}, false
}
