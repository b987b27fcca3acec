package admin

import (
	"fmt"
	"net/http"
	"strings"
)

func (h *handler) ready(w http.ResponseWriter, r *http.Request) {
	conditions := h.Ready()
	status := http.StatusOK
	if !allHold(conditions) {
		status = http.StatusServiceUnavailable
	}
	var text strings.Builder
	if r.URL.Query().Has("verbose") {
		for _, c := range conditions {
			fmt.Fprintf(&text, "[%s] %s\n", map[bool]string{true: "+", false: "-"}[c.OK], c.Name)
		}
	}
	fmt.Fprintln(&text, map[bool]string{true: "ready", false: "not ready"}[status == http.StatusOK])
	writeText(w, status, text.String())
}
