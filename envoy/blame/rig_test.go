package blame_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/envoy-passive-health/passive-health/envoy"
	"github.com/envoy-passive-health/passive-health/envoy/envoytest"
)

const (
	web = "web" // the cluster, as the samples name it

	// patience is how long something may take that takes milliseconds, on a machine that is busy.
	patience = 30 * time.Second

	// notByReports is an interval of load reports at which whatever is charged within a test comes from another sensor.
	notByReports = "1m"
)

// sensors are what a service's configuration says of the Envoys that run a sample.
var sensors = map[envoy.Sample]string{
	envoy.ErrorsOnly:   "[filter, load_reports]",
	envoy.AllResponses: "[all_responses, load_reports]",
	envoy.Retries:      "[filter, upstream_filter, load_reports]",
	envoy.GRPC:         "[filter, load_reports]",
	envoy.AccessLog:    "[access_log, load_reports]",
}

// setup says how a rig differs from what is shipped. The zero value is what is shipped.
type setup struct {
	policy   string // of the service, "{}" or empty for the default one
	interval string // of load reports; empty for the default one
	weights  []int  // of the hosts, in their order; nil for equal ones
	edit     func(t *testing.T, b bootstrap)
}

// rig is a service, and an Envoy whose cluster web has some hosts.
type rig struct {
	service *envoytest.Service
	envoy   *envoytest.Envoy
}

// startRig returns when Envoy has the hosts and sends load reports.
func startRig(t *testing.T, s envoy.Sample, o setup, hosts ...string) *rig {
	t.Helper()
	r := &rig{service: envoytest.StartService(t, program, o.configuration(s, hosts))}
	b := newBootstrap(t, s, envoy.Params{ExtProc: r.service.ExtProc, XDS: r.service.XDS})
	if o.edit != nil {
		o.edit(t, b)
	}
	r.envoy = b.start(t)
	envoytest.Until(t, patience, "Envoy has its hosts", func() bool {
		_, ok := r.envoy.Host(t, web, hosts[len(hosts)-1])
		return ok
	})
	r.awaitReports(t, 1)
	return r
}

func (o setup) configuration(s envoy.Sample, hosts []string) string {
	var list []string
	for i, host := range hosts {
		weight := 100
		if o.weights != nil {
			weight = o.weights[i]
		}
		list = append(list, fmt.Sprintf("{address: %q, weight: %d}", host, weight))
	}
	config := fmt.Sprintf("policy: %s\nclusters:\n- {name: %s, sensors: %s, hosts: [%s]}\n",
		orEmpty(o.policy), web, sensors[s], strings.Join(list, ", "))
	if o.interval != "" {
		config += fmt.Sprintf("load_reports: {interval: %s}\n", o.interval)
	}
	return config
}

func orEmpty(policy string) string {
	if policy == "" {
		return "{}"
	}
	return policy
}

// awaitReports returns when so many more load reports have come. An Envoy's first comes with its stream.
func (r *rig) awaitReports(t *testing.T, n float64) {
	t.Helper()
	begin := r.reports(t)
	if n == 1 && begin >= 1 {
		return
	}
	envoytest.Until(t, patience, "load reports", func() bool { return r.reports(t) >= begin+n })
}

func (r *rig) reports(t *testing.T) float64 {
	t.Helper()
	return r.service.Metrics(t)["passive_health_load_reports_total"]
}

func (r *rig) ejected(t *testing.T, host string) bool {
	t.Helper()
	return r.service.HostState(t, web, host).Published == "UNHEALTHY"
}

// awaitEjected returns how long after an instant the host was seen to be out.
func (r *rig) awaitEjected(t *testing.T, host string, since time.Time) time.Duration {
	t.Helper()
	envoytest.Until(t, patience, "the host is ejected", func() bool { return r.ejected(t, host) })
	return time.Since(since)
}

// assertOthersIn checks that no host but one is out or was charged.
func (r *rig) assertOthersIn(t *testing.T, bad string) {
	t.Helper()
	for _, host := range r.service.Hosts(t, web) {
		if host.Host != bad && (host.Published != "HEALTHY" || host.TotalErrors != 0) {
			t.Errorf("a host that is well: %+v", host)
		}
	}
}
