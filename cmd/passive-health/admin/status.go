package admin

import (
	"net/http"
	"slices"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/api"
	"github.com/envoy-passive-health/passive-health/health"
	"github.com/envoy-passive-health/passive-health/xds"
)

// status answers GET /api/v1/status.
func (h *handler) status(w http.ResponseWriter, _ *http.Request) {
	s := api.Status{
		Version: h.Version, StartedAt: h.StartedAt, Mode: mode(h.snapshots("")), ConfigHash: h.ConfigHash(),
		Proxies: map[xds.ProxyState]int{}, Conditions: h.Ready(),
	}
	for _, p := range h.Proxies() {
		s.Proxies[p.State]++
	}
	s.Ready = allHold(s.Conditions)
	writeJSON(w, http.StatusOK, s)
}

func allHold(conditions []api.Condition) bool {
	return !slices.ContainsFunc(conditions, func(c api.Condition) bool { return !c.OK })
}

// mode says in one word what the verdicts lead to.
func mode(clusters []health.Snapshot) string {
	shadow, paused := 0, 0
	for i := range clusters {
		switch {
		case !clusters[i].Policy.Enforce:
			shadow++
		case clusters[i].Paused:
			paused++
		}
	}
	switch len(clusters) {
	case shadow:
		if shadow > 0 {
			return api.ModeShadow
		}
		return api.ModeEnforcing
	case paused:
		return api.ModePaused
	}
	if shadow+paused > 0 {
		return api.ModeMixed
	}
	return api.ModeEnforcing
}
