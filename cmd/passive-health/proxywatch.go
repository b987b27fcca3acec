package main

import (
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// proxyWatch logs and measures what the Envoys confirm.
type proxyWatch struct {
	logger *slog.Logger
	acks   prometheus.Histogram
}

func newProxyWatch(logger *slog.Logger, r prometheus.Registerer) *proxyWatch {
	w := &proxyWatch{logger: logger, acks: prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:                        "passive_health_xds_ack_seconds",
		Help:                        "Time from a push to an Envoy's confirmation.",
		Buckets:                     []float64{.001, .005, .01, .05, .1, .5, 1, 5},
		NativeHistogramBucketFactor: 1.1,
	})}
	r.MustRegister(w.acks)
	return w
}

// OnConnect is xds.Watcher. The server has logged it.
func (w *proxyWatch) OnConnect(string) {}

// OnGone is xds.Watcher. The server has logged it.
func (w *proxyWatch) OnGone(string) {}

// OnAck is xds.Watcher.
func (w *proxyWatch) OnAck(node, serviceName, version string, latency time.Duration) {
	w.acks.Observe(latency.Seconds())
	w.logger.Debug("Envoy confirmed", "event", "xds.ack", "node", node, "service", serviceName, "version", version, "latency", latency)
}

// OnNack is xds.Watcher. The server has logged it.
func (w *proxyWatch) OnNack(string, string, string) {}
