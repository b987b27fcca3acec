package main

import (
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/journal"
)

// proxyWatch tells the journal of the Envoys, and measures what they confirm.
type proxyWatch struct {
	journal *journal.Journal
	logger  *slog.Logger
	acks    prometheus.Histogram
}

func newProxyWatch(j *journal.Journal, logger *slog.Logger, r prometheus.Registerer) *proxyWatch {
	w := &proxyWatch{journal: j, logger: logger, acks: prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:                        "passive_health_xds_ack_seconds",
		Help:                        "Time from a push to an Envoy's confirmation.",
		Buckets:                     []float64{.001, .005, .01, .05, .1, .5, 1, 5},
		NativeHistogramBucketFactor: 1.1,
	})}
	r.MustRegister(w.acks)
	return w
}

// OnConnect is xds.Watcher. The server has logged it.
func (w *proxyWatch) OnConnect(node string) {
	w.journal.Add(journal.Event{At: time.Now(), Name: "proxy.connected", Node: node, Text: "Envoy " + node + " connected"})
}

// OnGone is xds.Watcher. The server has logged it.
func (w *proxyWatch) OnGone(node string) {
	w.journal.Add(journal.Event{At: time.Now(), Name: "proxy.gone", Node: node, Text: "Envoy " + node + " is gone"})
}

// OnAck is xds.Watcher.
func (w *proxyWatch) OnAck(node, serviceName, version string, latency time.Duration) {
	w.acks.Observe(latency.Seconds())
	w.logger.Debug("Envoy confirmed", "event", "xds.ack", "node", node, "service", serviceName, "version", version, "latency", latency)
}

// OnNack is xds.Watcher. The server has logged it.
func (w *proxyWatch) OnNack(node, serviceName, text string) {
	w.journal.Add(journal.Event{
		At: time.Now(), Name: "xds.nack", Node: node, Cluster: serviceName, Text: "Envoy " + node + " refused " + serviceName + ": " + text,
	})
}
