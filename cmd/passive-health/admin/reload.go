package admin

import (
	"errors"
	"net/http"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/api"
	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/journal"
	"github.com/envoy-passive-health/passive-health/cmd/passive-health/config"
)

// reload answers POST /-/reload. A file that is refused changes nothing, and all its faults are said.
func (h *handler) reload(w http.ResponseWriter, r *http.Request) {
	h.audit(r, journal.Event{Text: "asked for a reload"})
	if err := h.Reload(r.Context()); err != nil {
		fault := api.Error{Code: "invalid_config", Message: err.Error()}
		if faults, ok := errors.AsType[config.Faults](err); ok {
			fault.Faults = faults
		}
		writeError(w, http.StatusUnprocessableEntity, fault)
		return
	}
	writeText(w, http.StatusOK, "reloaded\n")
}
