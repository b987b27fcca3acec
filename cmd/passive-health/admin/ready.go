package admin

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Condition is one thing that must hold before the service is ready.
type Condition struct {
	Name string
	OK   bool
}

func (h *handler) ready(w http.ResponseWriter, r *http.Request) {
	conditions := h.Ready()
	status := http.StatusOK
	if slices.ContainsFunc(conditions, func(c Condition) bool { return !c.OK }) {
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
