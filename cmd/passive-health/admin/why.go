package admin

import (
	"net/http"
	"slices"
	"time"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/api"
	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/journal"
	"github.com/envoy-passive-health/passive-health/health"
)

// why answers GET /api/v1/clusters/{cluster}/hosts/{host}.
func (h *handler) why(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("host")
	address, ok := health.ParseAddress(name)
	if !ok {
		writeError(w, http.StatusBadRequest, *invalid("host", "%q is not an address such as 10.0.0.1:8080", name))
		return
	}
	id := health.Host{Cluster: r.PathValue("cluster"), Address: address}
	s, ok := h.Tracker.Snapshot(time.Now(), id.Cluster)
	i := slices.IndexFunc(s.Hosts, func(host health.HostSnapshot) bool { return host.Host == id })
	if !ok || i < 0 {
		writeError(w, http.StatusNotFound, api.Error{Code: "not_found", Message: "there is no host " + id.String(), Field: "host"})
		return
	}
	writeJSON(w, http.StatusOK, h.explain(&s, i))
}

// told is how many events of a host are shown.
const told = 20

func (h *handler) explain(s *health.Snapshot, i int) api.Why {
	answer := api.Why{
		Host: newHost(s, i), Rules: health.Explain(s, i), Blocked: []string{},
		Events: []journal.Event{},
	}
	for _, rule := range answer.Rules {
		if !rule.Allows {
			answer.Blocked = append(answer.Blocked, rule.Name)
		}
	}
	id := s.Hosts[i].Host.Address.String()
	events, _ := h.Journal.After(0)
	for _, e := range events {
		if e.Cluster == answer.Cluster && e.Host == id {
			answer.Events = append(answer.Events, e)
		}
	}
	answer.Events = answer.Events[max(len(answer.Events)-told, 0):]
	return answer
}
