package health

import "time"

// due does what the host's deadline was for.
func (t *Tracker) due(h *host) {
	switch {
	case h.state == Ejected:
		t.recover(h, ReasonTimer)
	case h.state == Probation && !h.stepEnds().After(t.now):
		t.endStep(h)
	default:
		t.consider(h)
	}
}

// recover brings an ejected host back, to probation if there is one, with an empty window.
func (t *Tracker) recover(h *host, reason Reason) {
	c := h.cluster
	c.counters.Recoveries[reason]++
	h.step = 0
	if len(c.policy.ProbationWeights) == 0 {
		t.heal(h, reason)
	} else {
		t.move(h, Probation, t.now.Add(c.policy.probation()), Transition{Kind: HostProbation, Reason: reason})
		t.deadlines.set(h, h.stepEnds())
	}
	t.reconsider(c)
}

// heal puts a host into full rotation.
func (t *Tracker) heal(h *host, reason Reason) {
	h.step = 0
	h.backoff.clean = t.now
	if h.refused.Reason == "" { // what probation forgave is over with it
		h.window.clear()
		h.reporters.clear()
	}
	t.move(h, Healthy, time.Time{}, Transition{Kind: HostRecovered, Reason: reason})
	t.deadlines.set(h, time.Time{})
	t.consider(h) // an ejection that a cap refused in probation may still be wanted
	t.checkFailing(h.cluster)
}

func (t *Tracker) endStep(h *host) {
	h.step++
	if h.outsidePolicy() {
		t.heal(h, ReasonTimer)
		return
	}
	t.settle(h)
	t.deadlines.set(h, h.stepEnds())
	t.consider(h)
}

// stepEnds is when the present step of probation ends.
func (h *host) stepEnds() time.Time {
	return h.since.Add(time.Duration(h.step+1) * h.cluster.policy.ProbationStep)
}

// ownDeadline is the deadline that the host's state has, without a refused ejection.
func (h *host) ownDeadline() time.Time {
	if h.state == Probation {
		return h.stepEnds()
	}
	return h.until
}
