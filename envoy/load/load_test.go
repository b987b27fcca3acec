package load_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/envoy-passive-health/passive-health/envoy/envoytest"
	"github.com/envoy-passive-health/passive-health/envoy/load"
	"github.com/envoy-passive-health/passive-health/envoy/upstream"
)

func TestClientCountsWhatFails(t *testing.T) {
	host := envoytest.StartHost(t)
	client := load.Start(t.Context(), "http://"+host.Addr(), 200)
	t.Cleanup(client.Stop)
	for _, behaviour := range []string{"503,50%", "reset,50%", "reset-body,50%"} {
		envoytest.Behave(t, host, behaviour)
		_, before := client.Counts()
		envoytest.Until(t, 10*time.Second, "three requests fail", func() bool {
			_, failed := client.Counts()
			return failed >= before+3
		})
	}
	client.Stop()
	assertAgrees(t, client, host)
}

// assertAgrees compares the client's view with the host's: nothing is sent twice, nothing is lost.
func assertAgrees(t *testing.T, client *load.Client, host *upstream.Host) {
	t.Helper()
	total, failed := client.Counts()
	if total != host.Total() {
		t.Errorf("%d requests ended and %d came to the host", total, host.Total())
	}
	got := load.Summarize(client.Results())
	if got.Total != total || got.Failed != failed {
		t.Errorf("the results say %d failed of %d, the counts %d of %d", got.Failed, got.Total, failed, total)
	}
	if answered := got.ByHost[host.Addr()]; answered == 0 || answered == total {
		t.Errorf("%d of %d answered by the host, want some but not all", answered, total)
	}
}

// An open loop: requests keep coming while none is answered.
func TestClientDoesNotWaitForAnswers(t *testing.T) {
	host := envoytest.StartHost(t)
	envoytest.Behave(t, host, "stall")
	client := load.Start(t.Context(), "http://"+host.Addr(), 200)
	t.Cleanup(client.Stop)
	envoytest.Until(t, 10*time.Second, "20 requests wait", func() bool { return host.Total() >= 20 })
	if total, _ := client.Counts(); total != 0 {
		t.Errorf("%d requests ended at a host that stalls", total)
	}
	host.Stop()
}

func TestSummarize(t *testing.T) {
	const ms = time.Millisecond
	var results []load.Result
	for i := range 100 {
		results = append(results, load.Result{Latency: time.Duration(100-i) * ms, Status: 200, Host: "a"})
	}
	results[0] = load.Result{Latency: 500 * ms, Status: 503, Host: "b"}
	results[1].Status = 404
	want := load.Summary{Total: 100, Failed: 1, ByHost: map[string]int{"a": 99, "b": 1}, P50: 50 * ms, P99: 99 * ms, Max: 500 * ms}
	if diff := cmp.Diff(want, load.Summarize(results)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(load.Summary{ByHost: map[string]int{}}, load.Summarize(nil)); diff != "" {
		t.Error(diff)
	}
}
