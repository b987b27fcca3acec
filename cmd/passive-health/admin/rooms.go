package admin

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/envoy-passive-health/passive-health/processor"
	"github.com/envoy-passive-health/passive-health/xds"
)

var (
	extProcActive = desc("ext_proc_streams_active", "Open ext_proc streams.")
	extProcEnded  = desc("ext_proc_streams_total", "Ended ext_proc streams, by how they ended.", "result")
	extProcRead   = desc("ext_proc_messages_total", "Messages read from ext_proc streams.")
	panics        = desc("panics_total", "Panics recovered from in gRPC handlers.")
	loadActive    = desc("load_report_streams_active", "Open load report streams, one for each Envoy.")
	loadReports   = desc("load_reports_total", "Load reports received.")
	hidden        = desc("hidden_failures_total", "Failures charged that only a load report has shown.")
	logActive     = desc("access_log_streams_active", "Open access log streams.")
	logEntries    = desc("access_log_entries_total", "Access log entries received.")

	xdsStreams   = desc("xds_streams_active", "Open xDS streams.")
	xdsPushes    = desc("xds_pushes_total", "Resources sent to Envoys, by EDS service name.", "cluster")
	xdsAcks      = desc("xds_acks_total", "Resources that Envoys confirmed.")
	xdsNacks     = desc("xds_nacks_total", "Resources that Envoys refused, by EDS service name.", "cluster")
	xdsFaults    = desc("xds_publish_faults_total", "Clusters that could not be published.")
	xdsUntracked = desc("xds_streams_untracked_total", "Streams of Envoys beyond the bound on tracked ones.")
	xdsProxies   = desc("xds_proxies", "Connected Envoys by state.", "state")
	xdsUnacked   = desc("xds_oldest_unacked_seconds", "Age of the oldest push that an Envoy has not confirmed, 0 if there is none.")
)

// processorCollector shows the sensors' counts.
type processorCollector struct{ stats func() processor.Stats }

// NewProcessorCollector returns the metrics of the ext_proc server.
func NewProcessorCollector(stats func() processor.Stats) prometheus.Collector {
	return &processorCollector{stats}
}

// Describe sends nothing: Collect's series are all there is.
func (c *processorCollector) Describe(chan<- *prometheus.Desc) {}

// Collect sends the present values.
func (c *processorCollector) Collect(out chan<- prometheus.Metric) {
	s := c.stats()
	gauge(out, extProcActive, float64(s.ActiveStreams))
	counter(out, extProcRead, float64(s.Messages))
	counter(out, panics, float64(s.Panics))
	gauge(out, loadActive, float64(s.LoadReports.ActiveStreams))
	counter(out, loadReports, float64(s.LoadReports.Reports))
	counter(out, hidden, float64(s.LoadReports.Hidden))
	gauge(out, logActive, float64(s.AccessLogs.ActiveStreams))
	counter(out, logEntries, float64(s.AccessLogs.Entries))
	for result, n := range s.Streams {
		counter(out, extProcEnded, float64(n), string(result))
	}
	for why, n := range s.Dropped {
		counter(out, dropped, float64(n), string(why))
	}
}

// xdsServer is what the xDS metrics read; *xds.Server is one.
type xdsServer interface {
	Stats() xds.Stats
	Proxies() []xds.Proxy
}

// xdsCollector shows the actuator's counts.
type xdsCollector struct{ server xdsServer }

// NewXDSCollector returns the metrics of the xDS server.
func NewXDSCollector(server xdsServer) prometheus.Collector { return &xdsCollector{server} }

// Describe sends nothing: which clusters there are depends on the configuration.
func (c *xdsCollector) Describe(chan<- *prometheus.Desc) {}

// Collect sends the present values.
func (c *xdsCollector) Collect(out chan<- prometheus.Metric) {
	s := c.server.Stats()
	gauge(out, xdsStreams, float64(s.Streams))
	counter(out, xdsAcks, float64(s.Acks))
	counter(out, xdsFaults, float64(s.Faults))
	counter(out, xdsUntracked, float64(s.Untracked))
	for service, n := range s.Pushes {
		counter(out, xdsPushes, float64(n), service)
	}
	for service, n := range s.Nacks {
		counter(out, xdsNacks, float64(n), service)
	}
	c.collectProxies(out, time.Now())
}

func (c *xdsCollector) collectProxies(out chan<- prometheus.Metric, now time.Time) {
	states := map[xds.ProxyState]int{xds.ProxySynced: 0, xds.ProxyStale: 0, xds.ProxyNacked: 0, xds.ProxyNeverAcked: 0}
	var oldest time.Duration
	for _, p := range c.server.Proxies() {
		states[p.State]++
		if !p.OldestUnacked.IsZero() {
			oldest = max(oldest, now.Sub(p.OldestUnacked))
		}
	}
	for state, n := range states {
		gauge(out, xdsProxies, float64(n), string(state))
	}
	gauge(out, xdsUnacked, oldest.Seconds())
}
