package main

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/api"
	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/journal"
	"github.com/envoy-passive-health/passive-health/cmd/passive-health/config"
	"github.com/envoy-passive-health/passive-health/processor"
)

// configs holds the running configuration and replaces it: on SIGHUP, on request, and when the file's content has changed.
type configs struct {
	path     string
	running  atomic.Pointer[config.Config]
	clusters atomic.Pointer[map[string]*config.Cluster] // of the running one, by name
	apply    func(context.Context, *config.Config)
	journal  *journal.Journal
	logger   *slog.Logger

	mu sync.Mutex // one reload at a time

	successful prometheus.Gauge
	succeeded  prometheus.Gauge
	hash       prometheus.Gauge
}

func newConfigs(
	path string, c *config.Config, apply func(context.Context, *config.Config),
	j *journal.Journal, logger *slog.Logger, r prometheus.Registerer,
) *configs {
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "passive_health_config_" + name, Help: help})
		r.MustRegister(g)
		return g
	}
	cs := &configs{
		path: path, apply: apply, journal: j, logger: logger,
		successful: gauge("last_reload_successful", "1 if the last reload of the configuration succeeded."),
		succeeded:  gauge("last_reload_success_timestamp_seconds", "When the configuration was last loaded."),
		hash:       gauge("hash", "The running file's SHA-256, its first 48 bits as a number: equal where files are equal."),
	}
	cs.accept(c)
	return cs
}

// current returns the running configuration. Do not change it.
func (cs *configs) current() *config.Config { return cs.running.Load() }

func (cs *configs) accept(c *config.Config) {
	clusters := make(map[string]*config.Cluster, len(c.Clusters))
	for i := range c.Clusters {
		clusters[c.Clusters[i].Name] = &c.Clusters[i]
	}
	cs.clusters.Store(&clusters)
	cs.running.Store(c)
	cs.successful.Set(1)
	cs.succeeded.SetToCurrentTime()
	const bits = 48 // a float64 holds them exactly
	if number, err := strconv.ParseUint(c.Hash[:bits/4], 16, bits); err == nil {
		cs.hash.Set(float64(number))
	}
}

// reload reads the file again and makes it the running configuration. A file with a fault changes nothing.
func (cs *configs) reload(ctx context.Context) error {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	c, err := config.Load(cs.path)
	if err == nil {
		err = restartNeeded(cs.current(), c)
	}
	if err != nil {
		cs.successful.Set(0)
		cs.tell("config.rejected", "the old configuration stays: "+err.Error())
		cs.logger.Error("configuration rejected, the old one stays", "event", "config.rejected", "error", err)
		return fmt.Errorf("reload: %w", err)
	}
	cs.accept(c)
	cs.apply(ctx, c)
	cs.tell("config.reloaded", fmt.Sprintf("%d clusters", len(c.Clusters)))
	cs.logger.Info("configuration reloaded", "event", "config.reloaded", "clusters", len(c.Clusters), "hash", c.Hash)
	return nil
}

func (cs *configs) tell(name, text string) {
	cs.journal.Add(journal.Event{At: time.Now(), Name: name, Text: text})
}

// show says what the service runs with.
func (cs *configs) show() (api.Config, error) {
	c := cs.current()
	settings, err := c.Settings(cs.path)
	return api.Config{Path: cs.path, Hash: c.Hash, Settings: settings}, err
}

// restartNeeded refuses a change that a reload cannot make, rather than to take half of it.
func restartNeeded(old, c *config.Config) error {
	switch {
	case c.Listen != old.Listen:
		return fmt.Errorf("listen: %+v differs from the running %+v: restart the service to change it", c.Listen, old.Listen)
	case c.LoadReports != old.LoadReports:
		return fmt.Errorf("load_reports.interval: %v differs from the running %v: restart the service to change it",
			c.LoadReports, old.LoadReports)
	case !reflect.DeepEqual(c.Admin, old.Admin):
		return fmt.Errorf("admin: %+v differs from the running %+v: restart the service to change it", c.Admin, old.Admin)
	case !reflect.DeepEqual(c.Webhooks, old.Webhooks):
		return fmt.Errorf("webhooks: %+v differs from the running %+v: restart the service to change it", c.Webhooks, old.Webhooks)
	case c.StateFile != old.StateFile:
		return fmt.Errorf("state_file: %q differs from the running %q: restart the service to change it", c.StateFile, old.StateFile)
	}
	return nil
}

// watch reloads when the file's content has changed, until ctx is done.
func (cs *configs) watch(ctx context.Context) {
	if cs.path == "" {
		return
	}
	config.Watch(ctx, cs.path, cs.current().Hash, func() {
		_ = cs.reload(ctx) // it has logged why
	})
}

// allResponses says whether a cluster's filter sends good responses too. It is asked for each message.
func (cs *configs) allResponses(cluster string) bool {
	c := (*cs.clusters.Load())[cluster]
	return c != nil && c.Has(config.SensorAllResponses)
}

// uses says whether a cluster is configured to use a sensor. It is asked for each message. A cluster that nobody
// configured is for the rules to count.
func (cs *configs) uses(cluster string, s processor.Sensor) bool {
	c := (*cs.clusters.Load())[cluster]
	switch {
	case c == nil:
		return true
	case s == processor.UpstreamFilter:
		return c.Has(config.SensorUpstreamFilter)
	case s == processor.AccessLog:
		return c.Has(config.SensorAccessLog)
	default:
		return c.Has(config.SensorFilter) || c.Has(config.SensorAllResponses)
	}
}
