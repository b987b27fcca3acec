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
)

// soon is how fast an order acts on traffic.
const soon = time.Second

// Ejecting a host that is well takes it out of both Envoys in under a second; the order's end brings it back.
func TestOrderToEjectActsOnTraffic(t *testing.T) {
	t.Parallel()
	f := startFleet(t, envoy.ErrorsOnly, "{}", 3)
	host := f.hosts[0]
	client := send(t, f.b, 100)
	given := f.order(t, "eject", host.Addr(), 3*time.Second)
	awaitSent(t, client, given.Add(2*time.Second), nil)
	if got := between(host, given.Add(soon), given.Add(2*time.Second)); got != 0 {
		t.Errorf("%d requests reached the host later than %v after the order", got, soon)
	}
	if got := f.state(t, host); got.Verdict != "healthy" || got.Published != "UNHEALTHY" {
		t.Errorf("the order must not be a verdict: %+v", got)
	}
	awaitSent(t, client, given.Add(3*time.Second), host)
	if got := between(host, given.Add(3*time.Second), given.Add(3*time.Second+soon)); got == 0 {
		t.Errorf("no request reached the host within %v of the order's end", soon)
	}
	assertNoneFailed(t, client)
}

// Keeping a host that is out brings it back in under a second, its verdict as it was; the order's end takes it out again.
func TestOrderToKeepActsOnTraffic(t *testing.T) {
	t.Parallel()
	f := startFleet(t, envoy.ErrorsOnly, "{recovery_time: 60s}", 3)
	host := f.hosts[0]
	f.eject(t)
	client := send(t, f.b, 100)
	given := f.order(t, "keep", host.Addr(), 3*time.Second)
	awaitSent(t, client, given, host)
	if got := between(host, given, given.Add(soon)); got == 0 {
		t.Errorf("no request reached the host within %v of the order", soon)
	}
	if got := f.state(t, host); got.Verdict != "ejected" || got.Published != "HEALTHY" {
		t.Errorf("the order must not be a verdict: %+v", got)
	}
	awaitSent(t, client, given.Add(5*time.Second), nil)
	if got := between(host, given.Add(3*time.Second+soon), given.Add(5*time.Second)); got != 0 {
		t.Errorf("%d requests reached the host later than %v after the order's end", got, soon)
	}
	assertNoneFailed(t, client)
}

// While an operator pauses it the automation ejects nothing; when the pause ends, what is still wanted happens.
func TestPauseHoldsTheAutomation(t *testing.T) {
	t.Parallel()
	f := startFleet(t, envoy.ErrorsOnly, "{}", 3)
	bad := f.hosts[0]
	given := f.order(t, "pause", "", 3*time.Second)
	envoytest.Behave(t, bad, failOnPath)
	f.fail(t, f.a, bad, 5)
	envoytest.Until(t, patience, "the errors are counted", func() bool { return f.state(t, bad).Window.Errors == 5 })
	if got := f.state(t, bad); got.Verdict != "healthy" {
		t.Errorf("ejected in a pause: %+v", got)
	}
	f.awaitMarks(t, out(bad))
	since := f.state(t, bad).Since
	if late := since.Sub(given.Add(3 * time.Second)); late < -soon || late > soon {
		t.Errorf("ejected %v after the pause's end, want at it", late)
	}
}

// With every host bad, half of them stay in, and clients are no worse off than without the service.
func TestAllBadLeavesHalfIn(t *testing.T) {
	t.Parallel()
	f := startFleet(t, envoy.ErrorsOnly, "{recovery_time: 60s}", 4)
	for _, host := range f.hosts {
		envoytest.Behave(t, host, "503,50%")
	}
	client := send(t, f.a, 200)
	envoytest.Until(t, patience, "half of the hosts are out, and no more are wanted", func() bool {
		metrics := f.service.Metrics(t)
		return metrics[`passive_health_hosts{cluster="web",state="ejected"}`] == 2 &&
			metrics[`passive_health_cluster_failing{cluster="web"}`] == 1
	})
	begin := time.Now()
	awaitSent(t, client, begin.Add(3*time.Second), nil)
	client.Stop()
	if got := errorRate(client, begin); got > 0.6 {
		t.Errorf("%.0f %% of the requests fail, want the 50 %% that fail without the service", got*100)
	}
	metrics := f.service.Metrics(t)
	if metrics[`passive_health_hosts{cluster="web",state="ejected"}`] != 2 || metrics[`passive_health_cluster_panic{cluster="web"}`] != 0 {
		t.Error("more than half of the hosts are out")
	}
	if got := len(f.service.Logged("cluster.failing")); got != 1 {
		t.Errorf("the cluster's failure was told %d times, want once", got)
	}
}

func errorRate(client *load.Client, since time.Time) float64 {
	var failed, all float64
	for _, r := range client.Results() {
		if r.At.Before(since) {
			continue
		}
		all++
		if r.Failed() {
			failed++
		}
	}
	return failed / all
}

// In shadow everything is decided and shown, and EDS never changes.
func TestShadowNeverChangesEDS(t *testing.T) {
	t.Parallel()
	f := startFleet(t, envoy.ErrorsOnly, "{enforce: false, recovery_time: 1s, probation_step: 500ms}", 3)
	updates := func() int64 {
		return f.a.Stat(t, "cluster.web.update_success") + f.b.Stat(t, "cluster.web.update_success")
	}
	before := updates()
	bad := f.hosts[0]
	envoytest.Behave(t, bad, failOnPath)
	f.fail(t, f.a, bad, 5)
	for _, verdict := range []string{"ejected", "probation", "healthy"} {
		envoytest.Until(t, patience, "the verdict is "+verdict, func() bool { return f.state(t, bad).Verdict == verdict })
		if got := f.state(t, bad).Published; got != "HEALTHY" {
			t.Errorf("%s, and %s is published", verdict, got)
		}
	}
	if after := updates(); after != before {
		t.Errorf("%d EDS updates reached the Envoys", after-before)
	}
	if got := f.service.Metrics(t)[`passive_health_ejections_refused_total{cluster="web",reason="shadow"}`]; got != 1 {
		t.Errorf("%v refusals for shadow, want 1", got)
	}
}

// order gives an operator's order for a time; for a host, or for the whole cluster.
func (f *fleet) order(t *testing.T, action, host string, length time.Duration) (given time.Time) {
	t.Helper()
	hosts := ""
	if host != "" {
		hosts = fmt.Sprintf(`"hosts":[%q],`, host)
	}
	body := fmt.Sprintf(`{"cluster":"web",%s"action":%q,"created_by":"ann","comment":"a test","duration":%q}`, hosts, action, length)
	given = time.Now()
	response, err := http.Post(f.service.URL+"/api/v1/overrides", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil || response.StatusCode != http.StatusCreated {
		t.Fatalf("the order is answered with %d, %v", response.StatusCode, err)
	}
	return given
}
