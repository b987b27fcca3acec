package admin

import (
	"net/http"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/api"
	"github.com/envoy-passive-health/passive-health/cmd/passive-health/config"
)

// config answers GET /api/v1/config.
func (h *handler) config(w http.ResponseWriter, _ *http.Request) {
	c, err := h.Config()
	if err != nil {
		writeError(w, http.StatusInternalServerError, api.Error{Code: "internal", Message: err.Error()})
		return
	}
	writeJSON(w, http.StatusOK, c)
}

// schema answers GET /api/v1/schema.json.
func (h *handler) schema(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/schema+json")
	_, _ = w.Write([]byte(config.Schema())) // if the client has gone there is nobody to tell
}
