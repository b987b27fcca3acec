package health

import "time"

// observe takes one observation of a known host.
func (t *Tracker) observe(h *host, o *Observation) {
	c := h.cluster
	c.heard.add(o.Reporter, t.now, c.policy.Window)
	h.volume.add(t.now, c.policy.Window, o.Requests, 0)
	if o.Outcome == Volume {
		if h.refused.Reason == RefusedMinRequests {
			t.consider(h)
		}
		return
	}
	n := min(max(o.Count, 1), maxCount)
	class := c.policy.class(o)
	h.observed[class] += uint64(n)
	if class == ClassError || class == ClassLocalError {
		t.fail(h, o, n)
	}
}

func (p *Policy) class(o *Observation) OutcomeClass {
	switch {
	case p.IsError(o) && o.Outcome == Response:
		return ClassError
	case p.IsError(o):
		return ClassLocalError
	case o.Outcome == Response && !p.IsErrorStatus(o.Status) && !p.ErrorGRPCStatuses.Has(o.GRPC):
		return ClassSuccess
	default:
		return ClassIgnored
	}
}

// cause is the one thing that makes o an error, so that what is called alike is counted as one.
func (p *Policy) cause(o *Observation) Cause {
	switch {
	case o.Outcome != Response:
		return Cause{Outcome: o.Outcome}
	case p.ErrorGRPCStatuses.Has(o.GRPC):
		return Cause{GRPC: o.GRPC}
	default:
		return Cause{Status: uint16(o.Status)} //nolint:gosec // at most 599
	}
}

// fail takes n equal errors of a host, as if they had come one by one.
func (t *Tracker) fail(h *host, o *Observation, n int) {
	f := failure{at: t.now, cause: h.cluster.policy.cause(o), reporter: o.Reporter}
	h.total += uint64(n)                            //nolint:gosec // at most maxCount
	h.cluster.counters.Errors[f.cause] += uint64(n) //nolint:gosec // as above
	for range n {
		t.advance(t.now) // an ejection of no length is over at once
		if h.isOut() || h.state == Ejected {
			return
		}
		t.strike(h, f)
	}
}

func (t *Tracker) strike(h *host, f failure) {
	span := h.cluster.policy.Window
	h.backoff.dirty(t.now, span)
	h.volume.add(t.now, span, 0, 1)
	h.reporters.add(f.reporter, t.now, span)
	h.window.add(f)
	t.consider(h)
}

// consider ejects the host if the rules want it and allow it.
func (t *Tracker) consider(h *host) {
	c := h.cluster
	threshold, reason := h.threshold()
	if h.state == Ejected || h.isOut() || !h.window.holds(threshold, t.now, c.policy.Window) {
		t.withdraw(h)
		return
	}
	if refused := c.refusal(h, t.now); refused != "" {
		t.refuse(h, refused)
		return
	}
	t.eject(h, reason)
}

func (t *Tracker) eject(h *host, reason Reason) {
	c := h.cluster
	threshold, _ := h.threshold()
	evidence := t.evidence(h, threshold)
	c.setRefused(h, Refusal{})
	length := h.backoff.timeOut(&c.policy)
	length += jitter(length, c.policy.RecoveryJitter, h.id, t.now)
	h.ejections++
	h.window.clear()
	h.reporters.clear()
	h.volume = volume{}
	c.counters.Ejections[reason]++
	t.move(h, Ejected, t.now.Add(length), Transition{Kind: HostEjected, Reason: reason, Evidence: evidence, Ejection: h.ejections})
	t.deadlines.set(h, h.until)
	if !c.policy.Enforce {
		c.counters.Refusals[RefusedShadow]++
		t.tell(Transition{Kind: EjectRefused, At: t.now, Host: h.id, From: Ejected, To: Ejected, Reason: RefusedShadow, Evidence: evidence})
	}
	t.checkFailing(c)
}

func (t *Tracker) evidence(h *host, n int) Evidence {
	e := h.window.evidence(n)
	e.Threshold = n
	e.Requests, _ = h.volume.sum(t.now, h.cluster.policy.Window)
	return e
}

// refuse notes that an ejection is wanted and not allowed. It is told and counted once for each reason in turn, not
// at each further error.
func (t *Tracker) refuse(h *host, reason Reason) {
	c := h.cluster
	threshold, _ := h.threshold()
	t.deadlines.set(h, t.wantEnds(h, threshold))
	if h.refused.Reason == reason {
		return
	}
	since := t.now
	if h.refused.Reason != "" {
		since = h.refused.Since
	}
	c.setRefused(h, Refusal{Reason: reason, Since: since})
	c.counters.Refusals[reason]++
	t.tell(Transition{
		Kind: EjectRefused, At: t.now, Host: h.id, From: h.state, To: h.state, Reason: reason,
		Evidence: t.evidence(h, threshold),
	})
	t.checkFailing(c)
}

// wantEnds is the instant after which the window no longer holds the threshold, or the host's probation step ends,
// whichever is first.
func (t *Tracker) wantEnds(h *host, threshold int) time.Time {
	end := h.window.newest(threshold).at.Add(h.cluster.policy.Window + 1)
	if h.state == Probation && h.stepEnds().Before(end) {
		return h.stepEnds()
	}
	return end
}

// withdraw forgets a refused ejection that is no longer wanted.
func (t *Tracker) withdraw(h *host) {
	if h.refused.Reason == "" {
		return
	}
	h.cluster.setRefused(h, Refusal{})
	t.deadlines.set(h, h.ownDeadline())
	t.checkFailing(h.cluster)
}

// move changes the verdict and tells it.
func (t *Tracker) move(h *host, to State, until time.Time, tr Transition) {
	tr.At, tr.Host, tr.From, tr.To, tr.Until = t.now, h.id, h.state, to, until
	h.state, h.since, h.until = to, t.now, until
	h.last = &tr
	t.settle(h)
	t.tell(tr)
}

// settle finds what is to be published of the host, and marks its cluster if that changed.
func (t *Tracker) settle(h *host) {
	h.cluster.tally(h)
	if now := h.publish(); now != h.published {
		h.published = now
		t.mark(h.cluster)
	}
}

func (t *Tracker) mark(c *cluster) {
	c.version++
	t.dirty[c.name] = true
	t.signal()
}
