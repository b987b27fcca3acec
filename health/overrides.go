package health

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Bounds of the overrides a Tracker keeps.
const (
	maxOverrides  = 1000           // active and ended ones together
	keptOverrides = 24 * time.Hour // how long an ended one can still be read, if there is room
)

// The errors of AddOverride and EndOverride, beside *FieldError.
var (
	ErrLastHealthy      = errors.New("this would eject the last healthy host of the cluster")
	ErrTooManyOverrides = fmt.Errorf("there are %d active overrides already", maxOverrides)
	ErrNoOverride       = errors.New("no such override")
)

// AddOverride takes an operator's word. It must be complete: an ID that is new, an action, creator, comment, and an
// end after at; a cluster that exists, hosts that it has. Ejecting the last healthy host is refused with
// ErrLastHealthy unless force is set. Where two words cover a host, the newer one holds.
func (t *Tracker) AddOverride(at time.Time, o Override, force bool) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.advance(at)
	o.CreatedAt, o.EndedAt, o.Hosts = t.now, time.Time{}, slices.Clone(o.Hosts)
	if err := t.checkOverride(&o); err != nil {
		return err
	}
	if o.Action == ActionEject && !force && t.leavesNone(&o) {
		return ErrLastHealthy
	}
	if !t.makeRoom() {
		return ErrTooManyOverrides
	}
	t.overrides = append(t.overrides, &o)
	t.overridesChanged(&o)
	t.tellOverride(OverrideCreated, &o, ReasonOperator)
	return nil
}

// EndOverride ends an override before its time; it can be read for a day more.
func (t *Tracker) EndOverride(at time.Time, id string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.advance(at)
	i := slices.IndexFunc(t.overrides, func(o *Override) bool { return o.ID == id && o.Active(t.now) })
	if i < 0 {
		return ErrNoOverride
	}
	ended := *t.overrides[i]
	ended.EndedAt = t.now
	t.overrides[i] = &ended
	t.overridesChanged(&ended)
	t.tellOverride(OverrideEnded, &ended, ReasonOperator)
	return nil
}

// Overrides returns the overrides, active and ended within the last day, in the order of their creation.
func (t *Tracker) Overrides() []Override {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]Override, 0, len(t.overrides))
	for _, o := range t.overrides {
		all = append(all, *o)
		all[len(all)-1].Hosts = slices.Clone(o.Hosts)
	}
	return all
}

// makeRoom forgets the oldest ended override where there is no room for one more. ok is false if all are active.
func (t *Tracker) makeRoom() (ok bool) {
	if len(t.overrides) < maxOverrides {
		return true
	}
	i := slices.IndexFunc(t.overrides, func(o *Override) bool { return !o.Active(t.now) })
	if i < 0 {
		return false
	}
	t.overrides = slices.Delete(t.overrides, i, i+1)
	return true
}

func (t *Tracker) checkOverride(o *Override) error {
	known := t.clusters[o.Cluster] != nil || o.Cluster == "" && o.Action == ActionPause
	taken := slices.ContainsFunc(t.overrides, func(other *Override) bool { return other.ID == o.ID })
	return errors.Join(slices.Concat(faults(
		check(o.ID != "" && !taken, "id", o.ID, "a new one"),
		check(known, "cluster", o.Cluster, "a configured cluster"),
		check(slices.Contains([]Action{ActionEject, ActionKeep, ActionPause}, o.Action), "action", o.Action, "eject, keep or pause"),
		check(o.Action != ActionPause || len(o.Hosts) == 0, "hosts", o.Hosts, "for pause, which is for whole clusters"),
		check(o.CreatedBy != "", "created_by", `""`, "a name"),
		check(o.Comment != "", "comment", `""`, "a reason"),
		check(o.EndsAt.After(t.now), "ends_at", o.EndsAt, "in the future"),
	), t.checkHosts(o))...)
}

func (t *Tracker) checkHosts(o *Override) []error {
	var found []error
	for _, address := range o.Hosts {
		id := Host{Cluster: o.Cluster, Address: address}
		found = append(found, faults(check(t.hosts[id] != nil, "hosts", address, "a host of the cluster"))...)
	}
	return found
}

// leavesNone says whether an order to eject would leave the cluster without a host in rotation that has one now.
func (t *Tracker) leavesNone(o *Override) bool {
	before, after := 0, 0
	for _, h := range t.clusters[o.Cluster].hosts {
		if h.isOut() {
			continue
		}
		before++
		if !o.Covers(h.id) {
			after++
		}
	}
	return before > 0 && after == 0
}

func (t *Tracker) tellOverride(kind Kind, o *Override, reason Reason) {
	t.tell(Transition{Kind: kind, At: t.now, Host: Host{Cluster: o.Cluster}, Reason: reason, Until: o.EndsAt, Override: o})
}

// endOverrides does what nextEnd was for: it ends those that are over and drops those that nobody needs any more.
func (t *Tracker) endOverrides() {
	for _, o := range t.overrides {
		if o.EndsAt.Equal(t.now) && o.EndedAt.IsZero() {
			t.overridesChanged(o)
			t.tellOverride(OverrideEnded, o, ReasonExpired)
		}
	}
	t.overrides = slices.DeleteFunc(t.overrides, func(o *Override) bool { return !o.dropAt().After(t.now) })
	t.setNextEnd()
}

// overridesChanged applies the overrides anew to the clusters that o is about.
func (t *Tracker) overridesChanged(o *Override) {
	for _, c := range t.byName() {
		if o.Cluster != "" && o.Cluster != c.name {
			continue
		}
		t.applyOverrides(c)
		t.enforceCaps(c)
		t.reconsider(c)
	}
	t.setNextEnd()
}

// applyOverrides finds the word in force for each host of the cluster, the newest one that covers it.
func (t *Tracker) applyOverrides(c *cluster) {
	c.paused = false
	for _, h := range c.hosts {
		h.override = nil
	}
	for _, o := range t.overrides {
		switch {
		case !o.Active(t.now) || o.Cluster != "" && o.Cluster != c.name:
		case o.Action == ActionPause:
			c.paused = true
		default:
			c.order(o)
		}
	}
	for _, h := range c.sorted() {
		t.settle(h)
	}
}

func (c *cluster) order(o *Override) {
	for id, h := range c.hosts {
		if o.Covers(id) {
			h.override = o
		}
	}
}

func (t *Tracker) setNextEnd() {
	t.nextEnd = time.Time{}
	for _, o := range t.overrides {
		at := o.EndsAt
		if !o.Active(t.now) {
			at = o.dropAt()
		}
		if t.nextEnd.IsZero() || at.Before(t.nextEnd) {
			t.nextEnd = at
		}
	}
	t.signal()
}

// dropAt is when an override is forgotten.
func (o *Override) dropAt() time.Time {
	if !o.EndedAt.IsZero() {
		return o.EndedAt.Add(keptOverrides)
	}
	return o.EndsAt.Add(keptOverrides)
}
