package loop_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/envoy-passive-health/passive-health/envoy"
	"github.com/envoy-passive-health/passive-health/envoy/envoytest"
	"github.com/envoy-passive-health/passive-health/envoy/load"
	"github.com/envoy-passive-health/passive-health/envoy/upstream"
)

const (
	web = "web" // the cluster, as the samples name it

	// patience is how long something may take that takes milliseconds, on a machine that is busy.
	patience = 30 * time.Second

	// failing is the path on which a host that behaves as failOnPath answers 503, so that a test chooses who sees errors.
	failing    = "/fail"
	failOnPath = "503," + failing
)

// samples are the shipped configurations that differ in what they report.
var samples = []envoy.Sample{envoy.ErrorsOnly, envoy.AllResponses}

// fleet is a service, two Envoys and the hosts of one cluster.
type fleet struct {
	service *envoytest.Service
	a, b    *envoytest.Envoy
	hosts   []*upstream.Host
}

// startFleet returns when both Envoys have the hosts. The policy is written as in the configuration, "{}" for the
// default one.
func startFleet(t *testing.T, s envoy.Sample, policy string, hosts int) *fleet {
	t.Helper()
	f := &fleet{hosts: startHosts(t, hosts)}
	f.service = envoytest.StartService(t, program, configuration(policy, f.hosts...))
	f.a, f.b = f.startEnvoy(t, s, "envoy-a"), f.startEnvoy(t, s, "envoy-b")
	f.awaitMarks(t, map[*upstream.Host]string{})
	return f
}

func startHosts(t *testing.T, n int) []*upstream.Host {
	t.Helper()
	var hosts []*upstream.Host
	for range n {
		hosts = append(hosts, envoytest.StartHost(t))
	}
	return hosts
}

func (f *fleet) startEnvoy(t *testing.T, s envoy.Sample, node string) *envoytest.Envoy {
	t.Helper()
	return envoytest.Start(t, s, envoy.Params{NodeID: node, ExtProc: f.service.ExtProc, XDS: f.service.XDS})
}

// configuration is the service's: one cluster.
func configuration(policy string, hosts ...*upstream.Host) string {
	var addresses []string
	for _, host := range hosts {
		addresses = append(addresses, fmt.Sprintf("%q", host.Addr()))
	}
	return fmt.Sprintf("policy: %s\nclusters:\n- {name: %s, hosts: [%s]}\n", policy, web, strings.Join(addresses, ", "))
}

// awaitMarks returns when both Envoys have every host, with the marks given and HEALTHY for the others.
func (f *fleet) awaitMarks(t *testing.T, marks map[*upstream.Host]string) {
	t.Helper()
	envoytest.Until(t, patience, fmt.Sprintf("both Envoys have the hosts, %d of them marked", len(marks)), func() bool {
		return f.marked(t, f.a, marks) && f.marked(t, f.b, marks)
	})
}

func (f *fleet) marked(t *testing.T, e *envoytest.Envoy, marks map[*upstream.Host]string) bool {
	t.Helper()
	for _, host := range f.hosts {
		want := marks[host]
		if want == "" {
			want = "HEALTHY"
		}
		if status, ok := e.Host(t, web, host.Addr()); !ok || status.EDS != want {
			return false
		}
	}
	return true
}

// out marks one host.
func out(host *upstream.Host) map[*upstream.Host]string {
	return map[*upstream.Host]string{host: "UNHEALTHY"}
}

// fail sends requests through an Envoy, one after another, until the host has answered n of them with 503. It returns
// when the host got the last of these.
func (f *fleet) fail(t *testing.T, e *envoytest.Envoy, host *upstream.Host, n int) (last time.Time) {
	t.Helper()
	begin := len(errorsOf(host))
	deadline := time.Now().Add(patience)
	for len(errorsOf(host)) < begin+n {
		envoytest.Get(t, e.URL+failing)
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %d requests reach %s", patience, n, host.Addr())
		}
	}
	all := errorsOf(host)
	if len(all) != begin+n {
		t.Fatalf("%d errors, want %d: somebody else sends to %s", len(all)-begin, n, failing)
	}
	return all[len(all)-1]
}

// eject has the first host ejected by five errors through the first Envoy, and returns when both have the mark. The
// host goes on failing on the one path.
func (f *fleet) eject(t *testing.T) envoytest.HostState {
	t.Helper()
	envoytest.Behave(t, f.hosts[0], failOnPath)
	f.fail(t, f.a, f.hosts[0], 5)
	f.awaitMarks(t, out(f.hosts[0]))
	return f.state(t, f.hosts[0])
}

// state is what the service says of a host.
func (f *fleet) state(t *testing.T, host *upstream.Host) envoytest.HostState {
	t.Helper()
	return f.service.HostState(t, web, host.Addr())
}

// errorsOf lists when the host got those requests that it answered with 503.
func errorsOf(host *upstream.Host) (at []time.Time) {
	for _, request := range host.Requests() {
		if request.Status == http.StatusServiceUnavailable {
			at = append(at, request.At)
		}
	}
	return at
}

// between counts the requests that the host got in a time; without end for the zero one.
func between(host *upstream.Host, from, to time.Time) (n int) {
	for _, request := range host.Requests() {
		if request.At.After(from) && (to.IsZero() || request.At.Before(to)) {
			n++
		}
	}
	return n
}

// send sends requests through an Envoy until the test ends.
func send(t *testing.T, e *envoytest.Envoy, perSecond int) *load.Client {
	t.Helper()
	client := load.Start(t.Context(), e.URL, perSecond)
	t.Cleanup(client.Stop)
	return client
}

// awaitSent returns when a request that was sent after the instant has been answered by the host; by any for none.
func awaitSent(t *testing.T, client *load.Client, after time.Time, host *upstream.Host) {
	t.Helper()
	envoytest.Until(t, patience, "a request is sent and answered", func() bool {
		for _, r := range client.Results() {
			if r.At.After(after) && (host == nil || r.Host == host.Addr()) {
				return true
			}
		}
		return false
	})
}

// assertNoneFailed stops the clients and checks that each of their requests got its answer, and none waited for long.
func assertNoneFailed(t *testing.T, clients ...*load.Client) {
	t.Helper()
	for _, client := range clients {
		client.Stop()
		s := load.Summarize(client.Results())
		t.Logf("%d requests, %d failed: p50 %v, p99 %v, at most %v", s.Total, s.Failed, s.P50, s.P99, s.Max)
		for _, r := range client.Results() {
			if r.Failed() {
				t.Errorf("a request failed at %v: status %d of %q, %v", r.At.Format(time.StampMilli), r.Status, r.Host, r.Err)
			}
		}
	}
}
