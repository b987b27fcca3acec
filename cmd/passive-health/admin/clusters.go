package admin

import (
	"net/http"

	"github.com/envoy-passive-health/passive-health/health"
)

// cluster is one cluster in the API's words.
type cluster struct {
	Cluster            string `json:"cluster"`
	Hosts              int    `json:"hosts"`
	Out                int    `json:"out"`                  // or would be, if enforce were true
	MaxEjectionPercent int    `json:"max_ejection_percent"` // the cap
	MinHealthyHosts    int    `json:"min_healthy_hosts"`
	PanicThreshold     int    `json:"panic_threshold"`
	Panic              bool   `json:"panic"` // Envoy ignores the marks
	Failing            bool   `json:"failing"`
	Paused             bool   `json:"paused"`
	Enforce            bool   `json:"enforce"`
	Version            uint64 `json:"version"` // of what is published
}

func newCluster(s *health.Snapshot) cluster {
	return cluster{
		Cluster: s.Cluster, Hosts: len(s.Hosts), Out: s.Out,
		MaxEjectionPercent: s.Policy.MaxEjectionPercent, MinHealthyHosts: s.Policy.MinHealthyHosts,
		PanicThreshold: s.Policy.PanicThreshold,
		Panic:          s.Panic, Failing: s.Failing, Paused: s.Paused, Enforce: s.Policy.Enforce, Version: s.Version,
	}
}

// clusters answers GET /api/v1/clusters.
func (h *handler) clusters(w http.ResponseWriter, _ *http.Request) {
	list := []cluster{}
	for _, s := range h.snapshots("") {
		list = append(list, newCluster(&s))
	}
	writeJSON(w, http.StatusOK, map[string][]cluster{"clusters": list})
}
