package admin

import (
	"net/http"
	"net/http/pprof"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/api"
)

// profiles serves Go's profiles where the configuration says debug.
func (h *handler) profiles(w http.ResponseWriter, r *http.Request) {
	if !h.Debug() {
		writeError(w, http.StatusNotFound, api.Error{Code: "not_found", Message: "profiles are served with debug: true only"})
		return
	}
	switch r.PathValue("profile") {
	case "profile":
		pprof.Profile(w, r)
	case "trace":
		pprof.Trace(w, r)
	default:
		pprof.Index(w, r)
	}
}
