package admin

import (
	"net/http"
	"time"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/api"
	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/journal"
	"github.com/envoy-passive-health/passive-health/health"
)

// newHost says the i-th host of a snapshot in the API's words.
func newHost(cluster *health.Snapshot, i int) api.Host {
	s := &cluster.Hosts[i]
	h := api.Host{
		Override: inForce(s, cluster.At), Backoff: s.Backoff, Outlook: health.Outlook(cluster, i),
		Cluster: s.Host.Cluster, Host: s.Host.Address.String(), Zone: s.Zone,
		Verdict: s.Verdict, Published: s.Published, Weight: s.Weight, PublishedWeight: s.PublishedWeight,
		Since: instant(s.Since), Until: instant(s.Until),
		Window:      api.Window{Errors: s.WindowErrors, Requests: s.WindowRequests, Reporters: s.Reporters},
		TotalErrors: s.TotalErrors, Ejections: s.Ejections,
	}
	if s.Refused != nil {
		h.Refused = &api.Refusal{Reason: s.Refused.Reason, Since: s.Refused.Since}
	}
	if t := s.Last; t != nil {
		h.LastTransition = &api.Transition{From: t.From, To: t.To, At: t.At, Reason: t.Reason, Text: t.Text()}
	}
	return h
}

// instant returns nil for the zero time, so that JSON leaves it out.
func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// hosts answers GET /api/v1/hosts?cluster=&verdict=.
func (h *handler) hosts(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	var verdict health.State
	if v := query.Get("verdict"); v != "" {
		if err := verdict.UnmarshalText([]byte(v)); err != nil {
			writeError(w, http.StatusBadRequest, api.Error{Code: "invalid", Message: err.Error(), Field: "verdict"})
			return
		}
	}
	list := []api.Host{}
	for _, s := range h.snapshots(query.Get("cluster")) {
		for i := range s.Hosts {
			if !query.Has("verdict") || query.Get("verdict") == "" || s.Hosts[i].Verdict == verdict {
				list = append(list, newHost(&s, i))
			}
		}
	}
	writeJSON(w, http.StatusOK, api.Hosts{Hosts: list})
}

// snapshots returns one cluster, or all of them for an empty name.
func (h *handler) snapshots(cluster string) []health.Snapshot {
	names := []string{cluster}
	if cluster == "" {
		names = h.Tracker.Clusters()
	}
	var all []health.Snapshot
	for _, name := range names {
		if s, ok := h.Tracker.Snapshot(time.Now(), name); ok {
			all = append(all, s)
		}
	}
	return all
}

// reset answers POST /api/v1/hosts/reset, of one host or, with an empty object, of all.
func (h *handler) reset(w http.ResponseWriter, r *http.Request) {
	var body api.Reset
	if !readJSON(w, r, &body) {
		return
	}
	if body.Cluster == "" && body.Host == "" {
		h.Tracker.ResetAll(time.Now())
		h.audit(r, journal.Event{Text: "reset all hosts"})
		writeJSON(w, http.StatusOK, api.ResetDone{Reset: "all"})
		return
	}
	h.resetOne(w, r, body.Cluster, body.Host)
}

func (h *handler) resetOne(w http.ResponseWriter, r *http.Request, cluster, name string) {
	address, ok := health.ParseAddress(name)
	if !ok {
		writeError(w, http.StatusBadRequest, *invalid("host", "%q is not an address such as 10.0.0.1:8080", name))
		return
	}
	id := health.Host{Cluster: cluster, Address: address}
	if !h.Tracker.Reset(time.Now(), id) {
		writeError(w, http.StatusNotFound, api.Error{Code: "not_found", Message: "there is no host " + id.String(), Field: "host"})
		return
	}
	h.audit(r, journal.Event{Cluster: cluster, Host: address.String(), Text: "reset"})
	writeJSON(w, http.StatusOK, api.ResetDone{Reset: id.String()})
}
