package health

import "time"

// Restore goes on where Save stood. Call it once, after the first SetClusters and before anything is recorded. Hosts that
// are no longer configured are dropped, as are reporters and errors beyond what the policy now has room for. Deadlines
// keep their wall-clock instants: what was due meanwhile happens now, and none lies further ahead than it was at first or
// than the policy could set it, whatever the clock did.
func (t *Tracker) Restore(at time.Time, s Saved) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now = t.forward(at)
	for i := range s.Hosts {
		if h := t.hosts[Host{Cluster: s.Hosts[i].Cluster, Address: s.Hosts[i].Address}]; h != nil {
			t.restoreHost(h, &s.Hosts[i])
		}
	}
	for _, saved := range s.Clusters {
		if c := t.clusters[saved.Name]; c != nil {
			c.failing = saved.Failing
			c.heard.restore(t, saved.Heard)
		}
	}
	t.restoreOverrides(s.Overrides)
	for _, c := range t.byName() {
		c.recount()
		t.applyOverrides(c)
		t.enforceCaps(c)
		t.reconsider(c)
	}
	t.setNextEnd()
	t.advance(t.now)
}

// past returns a saved instant on this process's clock. It is never in the future.
func (t *Tracker) past(saved time.Time) time.Time {
	if saved.IsZero() {
		return saved
	}
	if moved := t.rebase(saved); moved.Before(t.now) {
		return moved
	}
	return t.now
}

// rebase gives a wall-clock instant the monotonic reading it would have had here, so that a later step of the wall
// clock does not move it.
func (t *Tracker) rebase(saved time.Time) time.Time { return t.now.Add(saved.Sub(t.now)) }

func (t *Tracker) restoreHost(h *host, s *savedHost) {
	h.state, h.since, h.step = s.Verdict, t.past(s.Since), max(s.Step, 0)
	h.total, h.ejections = s.TotalErrors, max(s.Ejections, 0)
	h.backoff = backoff{level: min(max(s.Backoff, 0), maxBackoff), clean: t.past(s.Clean)}
	h.refused = Refusal{Reason: s.Refused, Since: t.past(s.Wanted)}
	h.reporters.restore(t, s.Reporters)
	last := t.now.Add(-maxDuration)
	for _, f := range s.Window {
		if at := t.past(f.At); !at.Before(last) { // in order, whatever the file says
			h.window.add(failure{at, f.Cause, f.Reporter})
			last = at
		}
	}
	for _, b := range s.Volume {
		if !b.At.IsZero() {
			h.volume.add(t.past(b.At), h.cluster.policy.Window, int(b.Requests), int(b.Errors))
		}
	}
	if m := s.Last; m != nil {
		h.last = &Transition{
			Kind: m.Kind, At: m.At, Host: h.id, From: m.From, To: m.To, Reason: m.Reason, Evidence: m.Evidence,
			Until: m.Until, Ejection: m.Ejection,
		}
	}
	t.restoreDeadline(h, s)
}

// restoreDeadline gives the verdict its end.
func (t *Tracker) restoreDeadline(h *host, s *savedHost) {
	p := &h.cluster.policy
	switch {
	case h.state == Ejected:
		longest := p.RecoveryTimeMax + p.RecoveryTimeMax*time.Duration(p.RecoveryJitter)/100
		h.until = earlier(t.rebase(s.Until), t.now.Add(min(longest, s.Until.Sub(s.Since))))
		t.deadlines.set(h, h.until)
	case h.outsidePolicy():
		h.state, h.step, h.until = Healthy, 0, time.Time{}
	case h.state == Probation:
		h.until = h.since.Add(p.probation())
		t.deadlines.set(h, h.stepEnds())
	}
	if h.refused.Reason != "" {
		t.restoreWant(h)
	}
}

// restoreWant keeps a refused ejection that the window still supports.
func (t *Tracker) restoreWant(h *host) {
	threshold, _ := h.threshold()
	if h.state == Ejected || !h.window.holds(threshold, t.now, h.cluster.policy.Window) {
		h.refused = Refusal{}
		return
	}
	t.deadlines.set(h, t.wantEnds(h, threshold))
}

func (r *reporters) restore(t *Tracker, saved []savedReporter) {
	for i, s := range saved {
		if i < len(r.places) {
			r.places[i] = reporter{s.Name, t.past(s.At)}
		}
	}
}

func (t *Tracker) restoreOverrides(saved []Override) {
	for i := range saved {
		o := saved[i]
		o.CreatedAt, o.EndsAt = t.past(o.CreatedAt), t.rebase(o.EndsAt)
		if !o.EndedAt.IsZero() {
			o.EndedAt = t.past(o.EndedAt)
		}
		if len(t.overrides) < maxOverrides && o.dropAt().After(t.now) {
			t.overrides = append(t.overrides, &o)
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
