package main

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/resolve"
)

// registerProcess adds what every Go program of this fleet shows, and which build this is.
func registerProcess(r prometheus.Registerer) {
	b := buildInfo()
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "passive_health_build_info", Help: "1, with the build in its labels.",
		ConstLabels: prometheus.Labels{"version": b.version, "revision": b.revision, "goversion": b.goVersion},
	})
	info.Set(1)
	r.MustRegister(info, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
}

var (
	lookUpFailures = prometheus.NewDesc("passive_health_discovery_failures_total",
		"Look-ups of host names that failed or found nothing.", []string{"cluster"}, nil)
	lookUpSuccess = prometheus.NewDesc("passive_health_discovery_last_success_timestamp_seconds",
		"When a host name of the cluster was last resolved.", []string{"cluster"}, nil)
)

// discoveryCollector shows how the look-ups of host names go.
type discoveryCollector struct{ resolver *resolve.Resolver }

// Describe sends nothing: which clusters have names depends on the configuration.
func (c discoveryCollector) Describe(chan<- *prometheus.Desc) {}

// Collect sends the present values.
func (c discoveryCollector) Collect(out chan<- prometheus.Metric) {
	for cluster, s := range c.resolver.Stats() {
		out <- prometheus.MustNewConstMetric(lookUpFailures, prometheus.CounterValue, float64(s.Failures), cluster)
		if !s.LastSuccess.IsZero() {
			at := float64(s.LastSuccess.UnixMilli()) / 1000
			out <- prometheus.MustNewConstMetric(lookUpSuccess, prometheus.GaugeValue, at, cluster)
		}
	}
}
