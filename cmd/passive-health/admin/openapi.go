package admin

import (
	_ "embed" // the document
	"net/http"
)

//go:embed openapi.yaml
var openAPI []byte

// openAPI answers GET /api/v1/openapi.yaml.
func (h *handler) openAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml")
	_, _ = w.Write(openAPI) // if the client has gone there is nobody to tell
}
