package admin

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/envoy-passive-health/passive-health/health"
)

const namespace = "passive_health"

// desc describes one metric of this service.
func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)
}

var (
	clusterHosts = desc("hosts", "Hosts by verdict.", "cluster", "state")
	clusterPanic = desc("cluster_panic", "1 while Envoy would ignore the marks: too few hosts are left.", "cluster")
	failing      = desc("cluster_failing", "1 while every host of the cluster is failing.", "cluster")
	paused       = desc("cluster_paused", "1 while an operator has paused the automation.", "cluster")
	errorsTotal  = desc("errors_total", "Errors that the policy counts, by cause.", "cluster", "code")
	ejections    = desc("ejections_total", "Hosts taken out of rotation.", "cluster", "reason")
	refusals     = desc("ejections_refused_total", "Ejections wanted but not allowed.", "cluster", "reason")
	recoveries   = desc("recoveries_total", "Hosts put back into rotation.", "cluster", "reason")
	dropped      = desc("observations_dropped_total", "Messages that charged no host, by reason.", "reason")
	overrides    = desc("overrides_active", "Operator overrides in force.", "cluster", "action")

	observations   = desc("observations_total", "Responses and failures attributed to a host.", "cluster", "host", "outcome")
	hostUnhealthy  = desc("host_unhealthy", "1 while EDS says UNHEALTHY of the host.", "cluster", "host")
	windowErrors   = desc("host_window_errors", "Errors in the current window, counted up to the threshold.", "cluster", "host")
	windowRequests = desc("host_window_requests", "Requests in the current window, as far as a sensor counts them.", "cluster", "host")
	recoveryTime   = desc("host_recovery_timestamp_seconds", "When the host's mark ends; only while it is out.", "cluster", "host")
)

// trackerCollector shows the tracker's state. It reads one cluster at a time when it is scraped: nothing is kept for
// it, and the series of a host that left are gone.
type trackerCollector struct {
	tracker Tracker
	perHost bool
}

// NewTrackerCollector returns the metrics of the verdicts; without perHost it leaves out those with a host label.
func NewTrackerCollector(t Tracker, perHost bool) prometheus.Collector {
	return &trackerCollector{t, perHost}
}

// Describe sends nothing: which series there are depends on the configuration.
func (c *trackerCollector) Describe(chan<- *prometheus.Desc) {}

// Collect sends the present values.
func (c *trackerCollector) Collect(out chan<- prometheus.Metric) {
	now := time.Now()
	for _, name := range c.tracker.Clusters() {
		s, ok := c.tracker.Snapshot(now, name)
		if !ok {
			continue
		}
		collectCluster(out, &s)
		for i := range s.Hosts {
			if c.perHost {
				collectHost(out, &s.Hosts[i])
			}
		}
	}
	unknown := c.tracker.Unknown()
	counter(out, dropped, float64(unknown.Cluster), "unknown_cluster")
	counter(out, dropped, float64(unknown.Host), "unknown_host")
	c.collectOverrides(out, now)
}

func collectCluster(out chan<- prometheus.Metric, s *health.Snapshot) {
	states := map[health.State]int{health.Healthy: 0, health.Ejected: 0, health.Probation: 0}
	for i := range s.Hosts {
		states[s.Hosts[i].Verdict]++
	}
	for state, n := range states {
		gauge(out, clusterHosts, float64(n), s.Cluster, state.String())
	}
	gauge(out, clusterPanic, truth(s.Panic), s.Cluster)
	gauge(out, failing, truth(s.Failing), s.Cluster)
	gauge(out, paused, truth(s.Paused), s.Cluster)
	for cause, n := range s.Counters.Errors {
		counter(out, errorsTotal, float64(n), s.Cluster, cause.String())
	}
	collectReasons(out, ejections, s.Cluster, s.Counters.Ejections)
	collectReasons(out, refusals, s.Cluster, s.Counters.Refusals)
	collectReasons(out, recoveries, s.Cluster, s.Counters.Recoveries)
}

func collectReasons(out chan<- prometheus.Metric, d *prometheus.Desc, cluster string, counts map[health.Reason]uint64) {
	for reason, n := range counts {
		counter(out, d, float64(n), cluster, string(reason))
	}
}

func collectHost(out chan<- prometheus.Metric, h *health.HostSnapshot) {
	cluster, address := h.Host.Cluster, h.Host.Address.String()
	for class, n := range h.Observed {
		counter(out, observations, float64(n), cluster, address, health.OutcomeClass(class).String())
	}
	gauge(out, hostUnhealthy, truth(h.Published == health.PublishedUnhealthy), cluster, address)
	gauge(out, windowErrors, float64(h.WindowErrors), cluster, address)
	gauge(out, windowRequests, float64(h.WindowRequests), cluster, address)
	if h.Verdict == health.Ejected {
		gauge(out, recoveryTime, seconds(h.Until), cluster, address)
	}
}

func (c *trackerCollector) collectOverrides(out chan<- prometheus.Metric, now time.Time) {
	type key struct {
		cluster string
		action  health.Action
	}
	active := map[key]int{}
	for _, o := range c.tracker.Overrides() {
		if o.Active(now) {
			active[key{o.Cluster, o.Action}]++
		}
	}
	for k, n := range active {
		gauge(out, overrides, float64(n), k.cluster, string(k.action))
	}
}

func counter(out chan<- prometheus.Metric, d *prometheus.Desc, v float64, labels ...string) {
	out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
}

func gauge(out chan<- prometheus.Metric, d *prometheus.Desc, v float64, labels ...string) {
	out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
