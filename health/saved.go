package health

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// savedVersion is the version of Saved that is written. Version 1 held the marks alone; its fields are a part of
// version 2's.
const savedVersion = 2

// ErrNewerState means that a newer version of this program wrote the state. What it says cannot be guessed.
var ErrNewerState = errors.New("the state was written by a newer version")

// Saved is a Tracker's state in a form that outlives the process: what Restore needs to go on exactly where Save
// stood. Only hosts that differ from one that has just joined are in it. Instants are wall-clock times.
type Saved struct {
	Version   int            `json:"version"`
	Hosts     []savedHost    `json:"hosts,omitempty"`
	Clusters  []savedCluster `json:"clusters,omitempty"`
	Overrides []Override     `json:"overrides,omitempty"`
}

type savedCluster struct {
	Name    string          `json:"name"`
	Failing bool            `json:"failing,omitempty"`
	Heard   []savedReporter `json:"heard,omitempty"`
}

type savedHost struct {
	Cluster string         `json:"cluster"`
	Address netip.AddrPort `json:"address"`

	Verdict State      `json:"verdict"`
	Since   time.Time  `json:"since,omitzero"`
	Until   time.Time  `json:"until,omitzero"`
	Step    int        `json:"step,omitempty"`
	Last    *savedMove `json:"last,omitempty"`

	Window    []savedFailure  `json:"window,omitempty"` // oldest first
	Volume    []savedVolume   `json:"volume,omitempty"` // oldest first
	Reporters []savedReporter `json:"reporters,omitempty"`
	Backoff   int             `json:"backoff,omitempty"`
	Clean     time.Time       `json:"clean,omitzero"`
	Refused   Reason          `json:"refused,omitempty"`
	Wanted    time.Time       `json:"wanted,omitzero"`

	TotalErrors uint64 `json:"total_errors,omitempty"`
	Ejections   int    `json:"ejections,omitempty"`
}

type savedFailure struct {
	At       time.Time `json:"at"`
	Cause    Cause     `json:"cause"`
	Reporter string    `json:"reporter,omitempty"`
}

type savedVolume struct {
	At       time.Time `json:"at"` // when the bucket begins
	Requests uint32    `json:"requests,omitempty"`
	Errors   uint32    `json:"errors,omitempty"`
}

type savedReporter struct {
	Name string    `json:"name"`
	At   time.Time `json:"at"`
}

// savedMove is a host's last change of verdict.
type savedMove struct {
	Kind     Kind      `json:"kind"`
	At       time.Time `json:"at"`
	From     State     `json:"from"`
	To       State     `json:"to"`
	Reason   Reason    `json:"reason"`
	Evidence Evidence  `json:"evidence,omitzero"`
	Until    time.Time `json:"until,omitzero"`
	Ejection int       `json:"ejection,omitempty"`
}

// UnmarshalSaved reads what json.Marshal made of a Saved, of this version or an older one. The error is ErrNewerState
// for a newer one.
func UnmarshalSaved(data []byte) (Saved, error) {
	var s Saved
	if err := json.Unmarshal(data, &s); err != nil {
		return Saved{}, fmt.Errorf("saved state: %w", err)
	}
	switch {
	case s.Version > savedVersion:
		return Saved{}, fmt.Errorf("%w: it has version %d, this one reads up to %d", ErrNewerState, s.Version, savedVersion)
	case s.Version < 1:
		return Saved{}, fmt.Errorf("saved state: version %d is not 1 to %d", s.Version, savedVersion)
	}
	return s, nil
}

// Save returns the state as it stands.
func (t *Tracker) Save() Saved {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := Saved{Version: savedVersion}
	for _, c := range t.byName() {
		if heard := c.heard.save(); c.failing || heard != nil {
			s.Clusters = append(s.Clusters, savedCluster{c.name, c.failing, heard})
		}
		for _, h := range c.sorted() {
			if !h.isFresh() {
				s.Hosts = append(s.Hosts, h.save())
			}
		}
	}
	for _, o := range t.overrides {
		s.Overrides = append(s.Overrides, *o)
	}
	return s
}

// isFresh says whether the rules could not tell the host from one that has just joined.
func (h *host) isFresh() bool {
	p := &h.cluster.policy
	counted := (p.FailurePercent > 0 || p.MinRequests > 0) && h.volume != (volume{})
	return h.state == Healthy && h.total == 0 && h.backoff.level == 0 && h.last == nil && !counted
}

func (h *host) save() savedHost {
	s := savedHost{
		Cluster: h.id.Cluster, Address: h.id.Address,
		Verdict: h.state, Since: h.since, Until: h.until, Step: h.step,
		Reporters: h.reporters.save(), Backoff: h.backoff.level, Clean: h.backoff.clean,
		Refused: h.refused.Reason, Wanted: h.refused.Since,
		TotalErrors: h.total, Ejections: h.ejections,
	}
	if m := h.last; m != nil {
		s.Last = &savedMove{m.Kind, m.At, m.From, m.To, m.Reason, m.Evidence, m.Until, m.Ejection}
	}
	for n := h.window.held; n >= 1; n-- {
		f := h.window.newest(n)
		s.Window = append(s.Window, savedFailure{f.at, f.cause, f.reporter})
	}
	for _, b := range h.volume.sorted() {
		s.Volume = append(s.Volume, savedVolume{begins(b.slot, h.cluster.policy.Window), b.requests, b.errors})
	}
	return s
}

func (r *reporters) save() []savedReporter {
	var saved []savedReporter
	for _, place := range r.places {
		if place.name != "" {
			saved = append(saved, savedReporter{place.name, place.at})
		}
	}
	return saved
}
