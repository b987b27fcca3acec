package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin"
	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/api"
	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/journal"
	"github.com/envoy-passive-health/passive-health/cmd/passive-health/config"
	"github.com/envoy-passive-health/passive-health/cmd/passive-health/resolve"
	"github.com/envoy-passive-health/passive-health/cmd/passive-health/statefile"
	"github.com/envoy-passive-health/passive-health/cmd/passive-health/webhook"
	"github.com/envoy-passive-health/passive-health/health"
	"github.com/envoy-passive-health/passive-health/processor"
	"github.com/envoy-passive-health/passive-health/xds"
)

// service is the running program: every part, wired once. Values go processor -> tracker -> loop -> xds.
type service struct {
	logger    *slog.Logger
	configs   *configs
	resolver  *resolve.Resolver
	tracker   *health.Tracker
	processor *processor.Server
	xds       *xds.Server
	state     *statefile.File
	loop      *loop
	journal   *journal.Journal
	webhooks  []*webhook.Webhook
	secrets   secrets
	started   time.Time
	registry  *prometheus.Registry

	endStreams context.CancelFunc // ends every xDS stream
	published  atomic.Bool        // the first publication is done
	stopping   atomic.Bool
}

// newService wires the parts for a valid configuration, and reads the secrets that it names. Nothing runs yet; serve ends
// what ctx's values are for.
func newService(ctx context.Context, path string, c *config.Config, logger *slog.Logger) (*service, error) {
	secrets, err := readSecrets(c)
	if err != nil {
		return nil, err
	}
	s := &service{logger: logger, tracker: health.NewTracker(), secrets: secrets, started: time.Now(), registry: prometheus.NewRegistry()}
	first := uint64(s.started.UnixMicro())
	s.journal = journal.New(first)
	s.webhooks = newWebhooks(c, secrets, s.journal, first-1, logger)
	streams, end := context.WithCancel(context.WithoutCancel(ctx)) // ended by stop, once readiness is gone
	s.endStreams = end
	watch := newProxyWatch(s.journal, logger, s.registry)
	s.xds = xds.New(streams, xds.Options{Logger: logger, VersionPrefix: rand.Text()[:8] + "-", Watch: watch})
	s.configs = newConfigs(path, c, s.apply, s.journal, logger, s.registry)
	s.resolver = resolve.New(resolve.Options{Logger: logger})
	s.processor = processor.NewServer(s.tracker, processor.Options{
		AllResponses: s.configs.allResponses, Uses: s.configs.uses, LoadReportInterval: c.LoadReports, Logger: logger,
	})
	s.state = statefile.New(c.StateFile, s.tracker, logger)
	s.loop = &loop{tracker: s.tracker, publish: s.xds.Publish, told: s.told, logger: logger, failed: map[string]bool{}}
	registerProcess(s.registry)
	s.registry.MustRegister(
		discoveryCollector{s.resolver},
		admin.NewTrackerCollector(s.tracker, true),
		admin.NewProcessorCollector(s.processor.Stats),
		admin.NewXDSCollector(s.xds),
		webhookCollector{s.webhooks},
	)
	return s, nil
}

// serve runs the service on the listeners until ctx is done, and then stops within the drain timeout. It closes the
// listeners.
func (s *service) serve(ctx context.Context, l listeners) error {
	s.load(ctx)
	extProc := newDoor(s.processor.Register, s.processor.ServerOptions()...)
	eds := newDoor(s.xds.Register)
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx)) // outlives ctx by the time that stopping takes
	defer cancel()
	web := s.newWeb(inner)
	var running sync.WaitGroup
	failed := make(chan error, 3) // one for each server: none waits for a reader
	running.Go(func() { failed <- extProc.serve(l.extProc) })
	running.Go(func() { failed <- eds.serve(l.xds) })
	running.Go(func() { failed <- web.Serve(l.admin) })
	running.Go(func() { s.loop.run(inner) })
	running.Go(func() { s.state.Run(inner) })
	running.Go(func() { s.resolver.Run(inner, s.membersChanged) })
	running.Go(func() { s.configs.watch(inner) })
	for _, w := range s.webhooks {
		running.Go(func() { w.Run(inner) })
	}
	extProc.setServing()
	eds.setServing()
	s.logger.Info("serving", "event", "started",
		"ext_proc", l.extProc.Addr().String(), "xds", l.xds.Addr().String(), "admin", l.admin.Addr().String())

	var fault error
	select {
	case <-ctx.Done():
	case fault = <-failed:
	}
	stopped := s.stop(ctx, extProc, eds, web)
	cancel()
	running.Wait()
	return errors.Join(fault, stopped)
}

// load brings the service to the point where it may be seen: hosts are known, marks that a former run left are back, and
// everything is published. Before that, an Envoy that asked would get a wrong answer.
func (s *service) load(ctx context.Context) {
	s.resolver.Set(ctx, s.configs.current().Clusters)
	s.applyMembers()
	s.state.Load(time.Now())
	s.loop.step(time.Now())
	s.published.Store(true)
}

// stop goes from the outside in: first nobody is sent here any more, then the streams end, then what serves them.
func (s *service) stop(ctx context.Context, extProc, eds door, web *http.Server) error {
	s.logger.Info("stopping", "event", "stopping", "cause", context.Cause(ctx))
	s.stopping.Store(true)
	extProc.health.Shutdown()
	eds.health.Shutdown()
	deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.configs.current().DrainTimeout)
	defer cancel()
	s.endStreams() // or GracefulStop would wait for the Envoys for ever
	s.processor.EndStreams()
	var stopping sync.WaitGroup
	stopping.Go(func() { extProc.stop(deadline) })
	stopping.Go(func() { eds.stop(deadline) })
	stopping.Wait()
	if err := web.Shutdown(deadline); err != nil {
		return errors.Join(fmt.Errorf("stop admin: %w", err), web.Close())
	}
	return nil
}

// apply makes a new, valid configuration the running one.
func (s *service) apply(ctx context.Context, c *config.Config) {
	s.resolver.Set(ctx, c.Clusters)
	s.applyMembers()
}

// membersChanged is called when a name resolved to other addresses.
func (s *service) membersChanged() { s.applyMembers() }

// applyMembers tells every room which hosts there are, the rules last: what they then want to publish, the actuator
// knows.
func (s *service) applyMembers() {
	c := s.configs.current()
	clusters := tracked(c, s.resolver)
	s.xds.SetClusters(actuated(c))
	s.processor.SetClusters(reporting(c, clusters))
	s.tracker.SetClusters(time.Now(), clusters)
}

// told passes on what happened, after it was published.
func (s *service) told(transitions []health.Transition) {
	for i := range transitions {
		logTransition(s.logger, &transitions[i])
		s.journal.Add(journal.Transition(&transitions[i]))
	}
	s.state.Changed()
}

func (s *service) adminHandler() http.Handler {
	return admin.Handler(admin.Options{
		Tracker: s.tracker, Proxies: s.xds.Proxies, Ready: s.conditions, Reload: s.configs.reload,
		OverrideMax: func() time.Duration { return s.configs.current().OverrideMax },
		ConfigHash:  func() string { return s.configs.current().Hash },
		Config:      s.configs.show,
		Debug:       func() bool { return s.configs.current().Debug },
		Access:      access(s.configs.current(), s.secrets),
		Version:     buildInfo().version, StartedAt: s.started,
		Journal: s.journal, Gatherer: s.registry, Logger: s.logger,
	})
}

// hostsKnown says whether there is a cluster with hosts. One whose names do not resolve does not unready the others.
func (s *service) hostsKnown() bool {
	clusters := s.configs.current().Clusters
	return len(clusters) == 0 || slices.ContainsFunc(clusters, func(c config.Cluster) bool {
		return len(s.resolver.Members(c.Name)) > 0
	})
}

// newWeb returns the admin server. Its requests end with ctx, and event streams, which would not end, when it stops.
func (s *service) newWeb(ctx context.Context) *http.Server {
	requests, end := context.WithCancel(ctx)
	web := &http.Server{
		Handler:     s.adminHandler(),
		BaseContext: func(net.Listener) context.Context { return requests },

		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: maxHeaderList,
	}
	web.RegisterOnShutdown(end)
	return web
}

// conditions are what must hold before an Envoy may ask.
func (s *service) conditions() []api.Condition {
	return []api.Condition{
		{Name: "marks are loaded, everything is published", OK: s.published.Load()},
		{Name: "hosts are known", OK: s.hostsKnown()},
		{Name: "not stopping", OK: !s.stopping.Load()},
	}
}
