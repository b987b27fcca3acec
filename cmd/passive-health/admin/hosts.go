package admin

import (
	"net/http"
	"time"

	"github.com/envoy-passive-health/passive-health/health"
)

// host is one host in the API's words.
type host struct {
	Cluster         string           `json:"cluster"`
	Host            string           `json:"host"`
	Zone            string           `json:"zone,omitempty"`
	Verdict         health.State     `json:"verdict"`
	Published       health.Published `json:"published"`
	Weight          uint32           `json:"weight"`           // configured
	PublishedWeight uint32           `json:"published_weight"` // smaller in probation
	Since           *time.Time       `json:"since,omitempty"`
	Until           *time.Time       `json:"until,omitempty"`
	Window          hostWindow       `json:"window"`
	TotalErrors     uint64           `json:"total_errors"`
	Ejections       int              `json:"ejections"`
	Backoff         int              `json:"backoff,omitempty"` // ejections that the next time out is doubled for
	Override        *override        `json:"override,omitempty"`
	Refused         *refusal         `json:"refused,omitempty"`
	LastTransition  *transition      `json:"last_transition,omitempty"`
}

type hostWindow struct {
	Errors    int      `json:"errors"`
	Requests  int      `json:"requests,omitempty"`
	Reporters []string `json:"reporters,omitempty"`
}

type refusal struct {
	Reason health.Reason `json:"reason"`
	Since  time.Time     `json:"since"`
}

type transition struct {
	From   health.State  `json:"from"`
	To     health.State  `json:"to"`
	At     time.Time     `json:"at"`
	Reason health.Reason `json:"reason"`
	Text   string        `json:"text"`
}

func newHost(s *health.HostSnapshot) host {
	h := host{
		Override: inForce(s, time.Now()), Backoff: s.Backoff,
		Cluster: s.Host.Cluster, Host: s.Host.Address.String(), Zone: s.Zone,
		Verdict: s.Verdict, Published: s.Published, Weight: s.Weight, PublishedWeight: s.PublishedWeight,
		Since: instant(s.Since), Until: instant(s.Until),
		Window:      hostWindow{Errors: s.WindowErrors, Requests: s.WindowRequests, Reporters: s.Reporters},
		TotalErrors: s.TotalErrors, Ejections: s.Ejections,
	}
	if s.Refused != nil {
		h.Refused = &refusal{s.Refused.Reason, s.Refused.Since}
	}
	if t := s.Last; t != nil {
		h.LastTransition = &transition{t.From, t.To, t.At, t.Reason, t.Text()}
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
			writeError(w, http.StatusBadRequest, apiError{Code: "invalid", Message: err.Error(), Field: "verdict"})
			return
		}
	}
	list := []host{}
	for _, s := range h.snapshots(query.Get("cluster")) {
		for i := range s.Hosts {
			if !query.Has("verdict") || query.Get("verdict") == "" || s.Hosts[i].Verdict == verdict {
				list = append(list, newHost(&s.Hosts[i]))
			}
		}
	}
	writeJSON(w, http.StatusOK, map[string][]host{"hosts": list})
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
	var body struct {
		Cluster string `json:"cluster"`
		Host    string `json:"host"`
	}
	if !readJSON(w, r, &body) {
		return
	}
	if body.Cluster == "" && body.Host == "" {
		h.Tracker.ResetAll(time.Now())
		h.Logger.Info("all hosts reset", "event", "hosts.reset", "from", r.RemoteAddr)
		writeJSON(w, http.StatusOK, map[string]string{"reset": "all"})
		return
	}
	h.resetOne(w, r, body.Cluster, body.Host)
}

func (h *handler) resetOne(w http.ResponseWriter, r *http.Request, cluster, name string) {
	address, ok := health.ParseAddress(name)
	if !ok {
		writeError(w, http.StatusBadRequest, apiError{
			Code: "invalid", Field: "host", Message: "host: " + name + " is not an address such as 10.0.0.1:8080",
		})
		return
	}
	id := health.Host{Cluster: cluster, Address: address}
	if !h.Tracker.Reset(time.Now(), id) {
		writeError(w, http.StatusNotFound, apiError{Code: "not_found", Message: "there is no host " + id.String(), Field: "host"})
		return
	}
	h.Logger.Info("host reset", "event", "hosts.reset", "cluster", cluster, "host", name, "from", r.RemoteAddr)
	writeJSON(w, http.StatusOK, map[string]string{"reset": id.String()})
}
