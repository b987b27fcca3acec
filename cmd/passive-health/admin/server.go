// Package admin serves what people and their tools look at: the API, health and readiness, and the metrics. It shows
// one snapshot of the tracker in every form, so that no two of them disagree.
package admin

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/api"
	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/journal"
	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/page"
	"github.com/envoy-passive-health/passive-health/health"
	"github.com/envoy-passive-health/passive-health/xds"
)

// Tracker is what the API reads and steers; *health.Tracker is one.
type Tracker interface {
	Clusters() []string
	Snapshot(now time.Time, cluster string) (health.Snapshot, bool)
	Reset(at time.Time, id health.Host) bool
	ResetAll(at time.Time)
	Unknown() health.Unknown
	Overrides() []health.Override
	AddOverride(at time.Time, o health.Override, force bool) error
	EndOverride(at time.Time, id string) error
}

// Options are the parts that a Handler shows.
type Options struct {
	Tracker     Tracker
	Proxies     func() []xds.Proxy
	Ready       func() []api.Condition
	Reload      func(ctx context.Context) error
	OverrideMax func() time.Duration // how far ahead an override may end
	Journal     *journal.Journal
	ConfigHash  func() string
	Config      func() (api.Config, error)
	Version     string      // of the program
	StartedAt   time.Time   // when it began
	Debug       func() bool // serve Go's profiles
	Access      Access
	Gatherer    prometheus.Gatherer
	Logger      *slog.Logger
}

// maxBody bounds what a request may carry.
const maxBody = 64 << 10

// handler answers the admin listener's requests.
type handler struct {
	Options

	streams atomic.Int64 // open ones
}

// Handler returns the handler of the admin listener.
func Handler(o Options) http.Handler {
	h := &handler{Options: o}
	mux := http.NewServeMux()
	for pattern, handle := range h.routes() {
		mux.HandleFunc(pattern, handle)
	}
	operator := page.Handler(page.Options{
		Snapshots: func() []health.Snapshot { return h.snapshots("") }, Proxies: o.Proxies,
		Events: func() []journal.Event { events, _ := o.Journal.After(0); return events }, Version: o.Version,
	})
	mux.Handle("GET /{$}", operator)
	mux.Handle("GET /page/", operator)
	return o.Access.guard(http.MaxBytesHandler(mux, maxBody))
}

// routes are all there are; openapi.yaml describes each.
func (h *handler) routes() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"GET /healthz":         func(w http.ResponseWriter, _ *http.Request) { writeText(w, http.StatusOK, "ok\n") },
		"GET /readyz":          h.ready,
		"GET /metrics":         h.metrics(),
		"GET /api/v1/status":   h.status,
		"GET /api/v1/clusters": h.clusters,
		"GET /api/v1/clusters/{cluster}/hosts/{host}": h.why,
		"GET /api/v1/hosts":                           h.hosts,
		"POST /api/v1/hosts/reset":                    h.reset,
		"GET /api/v1/proxies":                         h.proxies,
		"GET /api/v1/overrides":                       h.listOverrides,
		"POST /api/v1/overrides":                      h.createOverride,
		"GET /api/v1/overrides/{id}":                  h.getOverride,
		"DELETE /api/v1/overrides/{id}":               h.endOverride,
		"GET /api/v1/events":                          h.events,
		"GET /api/v1/config":                          h.config,
		"GET /api/v1/schema.json":                     h.schema,
		"GET /api/v1/openapi.yaml":                    h.openAPI,
		"POST /-/reload":                              h.reload,
		"GET /debug/pprof/{profile...}":               h.profiles,
	}
}

func (h *handler) metrics() http.HandlerFunc {
	return promhttp.HandlerFor(h.Gatherer, promhttp.HandlerOpts{
		MaxRequestsInFlight: 10, Timeout: 30 * time.Second, EnableOpenMetrics: true,
	}).ServeHTTP
}
