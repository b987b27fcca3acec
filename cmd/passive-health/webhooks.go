package main

import (
	"log/slog"
	"os"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/journal"
	"github.com/envoy-passive-health/passive-health/cmd/passive-health/config"
	"github.com/envoy-passive-health/passive-health/cmd/passive-health/webhook"
)

// newWebhooks returns a webhook for each receiver of the configuration. They send events after the one with the given ID.
func newWebhooks(c *config.Config, s secrets, j *journal.Journal, since uint64, logger *slog.Logger) []*webhook.Webhook {
	source := "passive-health"
	if name, err := os.Hostname(); err == nil {
		source += "/" + name
	}
	hooks := make([]*webhook.Webhook, len(c.Webhooks))
	for i, w := range c.Webhooks {
		hooks[i] = webhook.New(webhook.Options{
			URL: w.URL, Secret: s.webhookKeys[i], Events: w.Events, Source: source, Journal: j, Since: since, Logger: logger,
		})
	}
	return hooks
}

var webhookDeliveries = prometheus.NewDesc("passive_health_webhook_deliveries_total",
	"Events for webhooks: sent, attempts that failed, and dropped.", []string{"result"}, nil)

// webhookCollector sums up what became of events for webhooks.
type webhookCollector struct{ hooks []*webhook.Webhook }

// Describe sends the one description.
func (c webhookCollector) Describe(out chan<- *prometheus.Desc) { out <- webhookDeliveries }

// Collect sends the present values.
func (c webhookCollector) Collect(out chan<- prometheus.Metric) {
	var sum webhook.Stats
	for _, w := range c.hooks {
		s := w.Stats()
		sum.Sent, sum.Failed, sum.Dropped = sum.Sent+s.Sent, sum.Failed+s.Failed, sum.Dropped+s.Dropped
	}
	for result, n := range map[string]uint64{"sent": sum.Sent, "failed": sum.Failed, "dropped": sum.Dropped} {
		out <- prometheus.MustNewConstMetric(webhookDeliveries, prometheus.CounterValue, float64(n), result)
	}
}
