package admin

import (
	"net/http"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/api"
	"github.com/envoy-passive-health/passive-health/health"
)

// newCluster says a cluster in the API's words.
func newCluster(s *health.Snapshot) api.Cluster {
	return api.Cluster{
		Cluster: s.Cluster, Hosts: len(s.Hosts), Out: s.Out,
		MaxEjectionPercent: s.Policy.MaxEjectionPercent, MinHealthyHosts: s.Policy.MinHealthyHosts,
		PanicThreshold: s.Policy.PanicThreshold,
		Panic:          s.Panic, Failing: s.Failing, Paused: s.Paused, Enforce: s.Policy.Enforce, Version: s.Version,
	}
}

// clusters answers GET /api/v1/clusters.
func (h *handler) clusters(w http.ResponseWriter, _ *http.Request) {
	list := []api.Cluster{}
	for _, s := range h.snapshots("") {
		list = append(list, newCluster(&s))
	}
	writeJSON(w, http.StatusOK, api.Clusters{Clusters: list})
}
