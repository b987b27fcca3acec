package blame_test

import (
	"testing"
	"time"

	"github.com/envoy-passive-health/passive-health/envoy"
	"github.com/envoy-passive-health/passive-health/envoy/envoytest"
	"github.com/envoy-passive-health/passive-health/envoy/load"
)

// hiddenWithin is how soon a host is out that only load reports accuse.
const hiddenWithin = 3 * time.Second

// Retries rescue every failure of a host: no client sees one, and no filter in the listener. It is ejected all the same,
// with what is shipped and a retry policy.
func TestHostWhoseFailuresAreRescuedIsEjected(t *testing.T) {
	for _, behaviour := range []string{"503", "refuse", "reset"} {
		t.Run(behaviour, func(t *testing.T) {
			assertWithin(t, hiddenWithin, func() time.Duration { return ejectRescued(t, behaviour) })
		})
	}
}

// ejectRescued returns how long after the host began to fail it was out.
func ejectRescued(t *testing.T, behaviour string) time.Duration {
	t.Helper()
	r, hosts := startRetrying(t, envoy.ErrorsOnly, "")
	client := load.Start(t.Context(), r.envoy.URL, 100)
	defer client.Stop()
	awaitTraffic(t, client)

	begin := time.Now()
	envoytest.Behave(t, hosts.bad, behaviour)
	took := r.awaitEjected(t, hosts.bad.Addr(), begin)
	client.Stop()
	if total, failed := client.Counts(); failed != 0 {
		t.Errorf("%d of %d requests failed: %+v", failed, total, failures(client))
	}
	if retried := r.envoy.Stat(t, "cluster.web.upstream_rq_retry_success"); retried < 5 {
		t.Errorf("retries rescued %d failures, want 5 at least", retried)
	}
	r.assertOthersIn(t, hosts.bad.Addr())
	return took
}

// assertWithin checks that something takes no longer than a limit in one of three runs: a machine that has other things
// to do may delay any one of them.
func assertWithin(t *testing.T, limit time.Duration, run func() time.Duration) {
	t.Helper()
	var took []time.Duration
	for range 3 {
		took = append(took, run())
		if took[len(took)-1] <= limit {
			t.Logf("took %v", took)
			return
		}
	}
	t.Errorf("took %v, want one of at most %v", took, limit)
}

func failures(client *load.Client) (failed []load.Result) {
	for _, result := range client.Results() {
		if result.Failed() {
			failed = append(failed, result)
		}
	}
	return failed
}

// With the filter in the cluster, a rescued 503 is charged when it happens, and not with a load report.
func TestRescuedStatusIsChargedAtOnceByTheClustersFilter(t *testing.T) {
	r, hosts := startRetrying(t, envoy.Retries, notByReports)
	envoytest.Behave(t, hosts.bad, "503")
	for hosts.bad.Total() < 5 {
		if got := envoytest.Get(t, r.envoy.URL).Status; got != 200 {
			t.Fatalf("a client got %d", got)
		}
	}
	t.Logf("out %v after the fifth 503", r.awaitEjected(t, hosts.bad.Addr(), time.Now()))
	if got := r.service.Metrics(t)["passive_health_hidden_failures_total"]; got != 0 {
		t.Errorf("%v failures came from load reports", got)
	}
	if got := r.service.HostState(t, web, hosts.bad.Addr()).TotalErrors; got != 5 {
		t.Errorf("five failures were charged %d times", got)
	}
	r.assertOthersIn(t, hosts.bad.Addr())
}
