// Package admin serves what people and their tools look at: the API, health and readiness, and the metrics. It shows
// one snapshot of the tracker in every form, so that no two of them disagree.
package admin

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/api"
	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/journal"
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
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { writeText(w, http.StatusOK, "ok\n") })
	mux.HandleFunc("GET /readyz", h.ready)
	mux.Handle("GET /metrics", promhttp.HandlerFor(o.Gatherer, promhttp.HandlerOpts{
		MaxRequestsInFlight: 10, Timeout: 30 * time.Second, EnableOpenMetrics: true,
	}))
	mux.HandleFunc("GET /api/v1/status", h.status)
	mux.HandleFunc("GET /api/v1/hosts", h.hosts)
	mux.HandleFunc("GET /api/v1/proxies", h.proxies)
	mux.HandleFunc("POST /api/v1/hosts/reset", h.reset)
	mux.HandleFunc("GET /api/v1/clusters", h.clusters)
	mux.HandleFunc("GET /api/v1/clusters/{cluster}/hosts/{host}", h.why)
	mux.HandleFunc("GET /api/v1/overrides", h.listOverrides)
	mux.HandleFunc("POST /api/v1/overrides", h.createOverride)
	mux.HandleFunc("GET /api/v1/overrides/{id}", h.getOverride)
	mux.HandleFunc("DELETE /api/v1/overrides/{id}", h.endOverride)
	mux.HandleFunc("GET /api/v1/events", h.events)
	mux.HandleFunc("GET /api/v1/config", h.config)
	mux.HandleFunc("GET /api/v1/schema.json", h.schema)
	mux.HandleFunc("POST /-/reload", h.reload)
	mux.HandleFunc("GET /debug/pprof/", h.profiles)
	return o.Access.guard(http.MaxBytesHandler(mux, maxBody))
}

// profiles serves Go's profiles where the configuration says debug.
func (h *handler) profiles(w http.ResponseWriter, r *http.Request) {
	if !h.Debug() {
		writeError(w, http.StatusNotFound, api.Error{Code: "not_found", Message: "profiles are served with debug: true only"})
		return
	}
	switch name := strings.TrimPrefix(r.URL.Path, "/debug/pprof/"); name {
	case "profile":
		pprof.Profile(w, r)
	case "trace":
		pprof.Trace(w, r)
	default:
		pprof.Index(w, r)
	}
}

func (h *handler) reload(w http.ResponseWriter, r *http.Request) {
	h.audit(r, journal.Event{Text: "asked for a reload"})
	if err := h.Reload(r.Context()); err != nil {
		writeError(w, http.StatusUnprocessableEntity, api.Error{Code: "invalid_config", Message: err.Error()})
		return
	}
	writeText(w, http.StatusOK, "reloaded\n")
}
