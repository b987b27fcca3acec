package admin

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/api"
	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/journal"
	"github.com/envoy-passive-health/passive-health/health"
)

// newOverride says an override in the API's words.
func newOverride(o *health.Override, now time.Time) api.Override {
	hosts := []string{}
	for _, address := range o.Hosts {
		hosts = append(hosts, address.String())
	}
	return api.Override{
		ID: o.ID, Cluster: o.Cluster, Hosts: hosts, Action: o.Action, CreatedBy: o.CreatedBy, Comment: o.Comment, Link: o.Link,
		CreatedAt: o.CreatedAt, EndsAt: o.EndsAt, EndedAt: instant(o.EndedAt), Active: o.Active(now),
	}
}

// listOverrides answers GET /api/v1/overrides: those in force and those that ended within the last day.
func (h *handler) listOverrides(w http.ResponseWriter, _ *http.Request) {
	list, now := []api.Override{}, time.Now()
	for _, o := range h.Tracker.Overrides() {
		list = append(list, newOverride(&o, now))
	}
	writeJSON(w, http.StatusOK, api.Overrides{Overrides: list})
}

// getOverride answers GET /api/v1/overrides/{id}.
func (h *handler) getOverride(w http.ResponseWriter, r *http.Request) {
	h.answerOverride(w, http.StatusOK, r.PathValue("id"))
}

func (h *handler) answerOverride(w http.ResponseWriter, status int, id string) {
	for _, o := range h.Tracker.Overrides() {
		if o.ID == id {
			writeJSON(w, status, newOverride(&o, time.Now()))
			return
		}
	}
	writeError(w, http.StatusNotFound, api.Error{Code: "not_found", Message: "there is no override " + id, Field: "id"})
}

// endOverride answers DELETE /api/v1/overrides/{id}. What ended can be read for a day more.
func (h *handler) endOverride(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if err := h.Tracker.EndOverride(time.Now(), id); err != nil {
		writeError(w, http.StatusNotFound, api.Error{Code: "not_found", Message: "there is no override " + id + " in force", Field: "id"})
		return
	}
	h.audit(r, journal.Event{Override: id, Text: "ended override " + id})
	h.answerOverride(w, http.StatusOK, id)
}

// createOverride answers POST /api/v1/overrides.
func (h *handler) createOverride(w http.ResponseWriter, r *http.Request) {
	var body api.NewOverride
	if !readJSON(w, r, &body) {
		return
	}
	now := time.Now()
	o, fault := asked(&body, now, h.OverrideMax())
	if fault != nil {
		writeError(w, http.StatusBadRequest, *fault)
		return
	}
	if err := h.Tracker.AddOverride(now, o, body.Force); err != nil {
		writeOverrideError(w, err)
		return
	}
	h.audit(r, journal.Event{Cluster: o.Cluster, Override: o.ID, By: o.CreatedBy, Text: "created override " + o.ID})
	h.answerOverride(w, http.StatusCreated, o.ID)
}

// asked returns the override that the body asks for, or the first fault that only the API can find.
func asked(b *api.NewOverride, now time.Time, longest time.Duration) (o health.Override, fault *api.Error) {
	o = health.Override{
		ID: rand.Text()[:12], Cluster: b.Cluster, Action: b.Action, CreatedBy: b.CreatedBy, Comment: b.Comment, Link: b.Link, EndsAt: b.EndsAt,
	}
	if b.Duration != "" {
		d, err := time.ParseDuration(b.Duration)
		if err != nil {
			return o, invalid("duration", "%q is not a duration such as 30m or 1h", b.Duration)
		}
		o.EndsAt = now.Add(d)
	}
	if o.EndsAt.Sub(now) > longest {
		return o, invalid("ends_at", "%v from now is not at most %v, which overrides.max allows", o.EndsAt.Sub(now).Round(time.Second), longest)
	}
	for _, host := range b.Hosts {
		address, ok := health.ParseAddress(host)
		if !ok {
			return o, invalid("hosts", "%q is not an address such as 10.0.0.1:8080", host)
		}
		o.Hosts = append(o.Hosts, address)
	}
	return o, nil
}

func invalid(field, format string, args ...any) *api.Error {
	return &api.Error{Code: "invalid", Message: field + ": " + fmt.Sprintf(format, args...), Field: field}
}

// writeOverrideError answers with what the tracker has against an override.
func writeOverrideError(w http.ResponseWriter, err error) {
	if errors.Is(err, health.ErrLastHealthy) {
		writeError(w, http.StatusConflict, api.Error{Code: "last_healthy", Message: err.Error() + `; "force": true does it all the same`})
		return
	}
	fault := api.Error{Code: "invalid", Message: err.Error()}
	if f, ok := errors.AsType[*health.FieldError](err); ok {
		fault.Field = f.Key
	}
	writeError(w, http.StatusBadRequest, fault)
}

// inForce returns the operator's word on a host, nil if there is none.
func inForce(s *health.HostSnapshot, now time.Time) *api.Override {
	if s.Override == nil || !s.Override.Active(now) {
		return nil
	}
	o := newOverride(s.Override, now)
	return &o
}
