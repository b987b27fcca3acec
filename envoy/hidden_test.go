package envoy_test

import (
	"bytes"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"github.com/envoy-passive-health/passive-health/envoy"
	"github.com/envoy-passive-health/passive-health/envoy/envoytest"
	"github.com/envoy-passive-health/passive-health/envoy/upstream"
	"github.com/envoy-passive-health/passive-health/health"
	"github.com/envoy-passive-health/passive-health/processor"
	"github.com/envoy-passive-health/passive-health/xds"
)

// rig is the service's three rooms behind one address, with three hosts that it never ejects: what they are charged
// with adds up undisturbed.
type rig struct {
	addr    string
	hosts   []*upstream.Host
	tracker *health.Tracker
	sensors *processor.Server

	lossy atomic.Bool  // every other ext_proc stream is lost
	seen  atomic.Int64 // ext_proc streams
}

func startRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{tracker: health.NewTracker()}
	cluster := health.Cluster{Name: "web", Policy: health.DefaultPolicy()}
	cluster.Policy.ErrorThreshold = health.MaxErrorThreshold
	for range 3 {
		host := envoytest.StartHost(t)
		r.hosts = append(r.hosts, host)
		cluster.Members = append(cluster.Members, health.Member{Address: netip.MustParseAddrPort(host.Addr()), Weight: 1})
	}
	r.sensors = processor.NewServer(r.tracker, processor.Options{LoadReportInterval: 100 * time.Millisecond})
	r.sensors.SetClusters([]health.Cluster{cluster})
	r.tracker.SetClusters(time.Now(), []health.Cluster{cluster})
	snapshot, _ := r.tracker.Snapshot(time.Now(), cluster.Name)
	actuator := xds.New(t.Context(), xds.Options{Logger: slog.New(slog.DiscardHandler)})
	actuator.SetClusters([]xds.Cluster{{Name: cluster.Name, ServiceName: cluster.Name}})
	if err := actuator.Publish([]health.Snapshot{snapshot}); err != nil {
		t.Fatal(err)
	}
	r.serve(t, actuator)
	return r
}

func (r *rig) serve(t *testing.T, actuator *xds.Server) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.addr = listener.Addr().String()
	g := grpc.NewServer(append(r.sensors.ServerOptions(), grpc.ChainStreamInterceptor(r.lose),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Second}))...)
	r.sensors.Register(g)
	actuator.Register(g)
	served := make(chan error, 1)
	go func() { served <- g.Serve(listener) }()
	t.Cleanup(func() {
		r.sensors.EndStreams()
		g.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}

// lose ends every other ext_proc stream unread, while it is told to.
func (r *rig) lose(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	if strings.HasSuffix(info.FullMethod, "/Process") && r.seen.Add(1)%2 == 0 && r.lossy.Load() {
		return status.Error(codes.Unavailable, "lost on purpose")
	}
	return next(srv, stream)
}

// startEnvoy runs the shipped sample, with retries if wanted, and returns once it has the hosts and reports loads.
func (r *rig) startEnvoy(t *testing.T, retries bool) *envoytest.Envoy {
	t.Helper()
	p := envoy.Params{Admin: "127.0.0.1:0", Listener: "127.0.0.1:0", ExtProc: r.addr, XDS: r.addr}
	config, err := envoy.Render(envoy.ErrorsOnly, p)
	if err != nil {
		t.Fatal(err)
	}
	if retries {
		const before = "route: {cluster: web, timeout: 15s}"
		const after = `route: {cluster: web, timeout: 15s, retry_policy: {retry_on: "5xx,reset,connect-failure", num_retries: 2,
                  retry_host_predicate: [{name: envoy.retry_host_predicates.previous_hosts, typed_config: {
                    "@type": type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate}}],
                  host_selection_retry_max_attempts: 5}}`
		if !bytes.Contains(config, []byte(before)) {
			t.Fatalf("the sample has no %q", before)
		}
		config = bytes.Replace(config, []byte(before), []byte(after), 1)
	}
	e := envoytest.StartConfig(t, config)
	envoytest.Until(t, 10*time.Second, "Envoy has its hosts and sends load reports", func() bool {
		_, ok := e.Host(t, "web", r.hosts[2].Addr())
		return ok && r.sensors.Stats().LoadReports.Reports > 1
	})
	return e
}

// charged returns what all hosts are charged with.
func (r *rig) charged() (total int) {
	for _, host := range r.hosts {
		total += r.chargedTo(host)
	}
	return total
}

func (r *rig) chargedTo(host *upstream.Host) int {
	return int(r.tracker.TotalErrors(health.Host{Cluster: "web", Address: netip.MustParseAddrPort(host.Addr())}))
}

// settle returns when so many more reports have come that nothing can be waiting any more.
func (r *rig) settle(t *testing.T) {
	t.Helper()
	const enough = 12 // more than a second
	until := r.sensors.Stats().LoadReports.Reports + enough
	envoytest.Until(t, 30*time.Second, "more load reports", func() bool { return r.sensors.Stats().LoadReports.Reports >= until })
}

// requests sends so many, and returns how many the client saw fail.
func requests(t *testing.T, e *envoytest.Envoy, n int) (failed int) {
	t.Helper()
	for range n {
		if envoytest.Get(t, e.URL).Status >= http.StatusInternalServerError {
			failed++
		}
	}
	return failed
}

const thirty = 30

// A failure that a retry rescues is charged to its host, once, though no client and no filter sees it.
func TestRescuedFailuresAreChargedOnce(t *testing.T) {
	for _, behaviour := range []string{"503", "501", "reset", "refuse", "garbage"} {
		t.Run(behaviour, func(t *testing.T) {
			r := startRig(t)
			e := r.startEnvoy(t, true)
			envoytest.Behave(t, r.hosts[0], behaviour)
			if failed := requests(t, e, thirty); failed != 0 {
				t.Fatalf("%d of %d requests failed", failed, thirty)
			}
			rescued := int(e.Stat(t, "cluster.web.upstream_rq_retry"))
			if rescued == 0 {
				t.Fatal("no request met the failing host")
			}
			r.settle(t)
			if got := r.chargedTo(r.hosts[0]); got != rescued || r.charged() != rescued {
				t.Errorf("charged %d, all hosts %d, want the %d rescued failures", got, r.charged(), rescued)
			}
			if got := r.sensors.Stats().Messages; got != 0 {
				t.Errorf("the filter told of %d responses, and the client saw no failure", got)
			}
		})
	}
}

// Of three attempts that all fail the filter sees the last; the load reports have the other two.
func TestFailuresOfEachAttemptAreChargedOnce(t *testing.T) {
	r := startRig(t)
	e := r.startEnvoy(t, true)
	for _, host := range r.hosts {
		envoytest.Behave(t, host, "503")
	}
	const n = 10
	if failed := requests(t, e, n); failed != n {
		t.Fatalf("%d of %d requests failed", failed, n)
	}
	r.settle(t)
	st := r.sensors.Stats()
	if r.charged() != 3*n || st.Observations != n || st.LoadReports.Hidden != 2*n {
		t.Errorf("charged %d: %d shown and %d hidden, want %d: %d and %d",
			r.charged(), st.Observations, st.LoadReports.Hidden, 3*n, n, 2*n)
	}
}

// A failure that the filter shows is not charged again when the load report counts it, whatever it is, and what the
// rules ignore is not charged at all.
func TestPlainFailuresAreChargedOnce(t *testing.T) {
	for behaviour, counts := range map[string]bool{"503": true, "501": false, "reset": true, "refuse": true, "garbage": true, "404": false} {
		t.Run(behaviour, func(t *testing.T) {
			r := startRig(t)
			e := r.startEnvoy(t, false)
			envoytest.Behave(t, r.hosts[0], behaviour)
			failed := requests(t, e, thirty)
			if !counts {
				failed = 0
			}
			r.settle(t)
			if got := r.charged(); got != failed || r.chargedTo(r.hosts[0]) != failed {
				t.Errorf("charged %d, the clients saw %d failures", got, failed)
			}
			if got := r.sensors.Stats().LoadReports.Hidden; got != 0 {
				t.Errorf("%d hidden failures where each was shown", got)
			}
		})
	}
}

// What the filter has told and got lost on the way is charged all the same.
func TestLostMessagesAreChargedOnce(t *testing.T) {
	r := startRig(t)
	e := r.startEnvoy(t, false)
	r.lossy.Store(true)
	for _, host := range r.hosts {
		envoytest.Behave(t, host, "503,50%")
	}
	failed := requests(t, e, 2*thirty)
	r.settle(t)
	st := r.sensors.Stats()
	if failed < 10 || r.charged() != failed || st.LoadReports.Hidden != uint64(failed/2) {
		t.Errorf("charged %d, %d of them hidden, want the %d failures that the clients saw, and half", r.charged(), st.LoadReports.Hidden, failed)
	}
}
