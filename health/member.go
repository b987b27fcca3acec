package health

import "time"

// host is the state of one host. Only its Tracker touches it, under the Tracker's lock.
type host struct {
	id      Host
	zone    string
	weight  uint32
	cluster *cluster

	state State
	since time.Time // when the state began; zero if it always was
	until time.Time // when it ends by itself; zero if it does not
	step  int       // of probation, from 0
	last  *Transition

	window    window
	volume    volume
	reporters reporters
	backoff   backoff
	refused   Refusal // an ejection wanted and not allowed; no Reason if there is none

	total     uint64
	observed  [OutcomeClasses]uint64
	ejections int

	override *Override // the operator's word in force, nil if none

	published  published // what the last settle found
	out, sound bool      // as the cluster has counted it

	deadline time.Time // its next instant of its own; zero if none
	place    int       // in the tracker's deadlines, or noPlace
}

// published is what EDS is to say of a host.
type published struct {
	state  Published
	weight uint32
}

func newHost(c *cluster, m Member) *host {
	h := &host{
		id:        Host{Cluster: c.name, Address: m.Address},
		cluster:   c,
		window:    newWindow(c.policy.windowSize()),
		reporters: newReporters(c.policy.MinReporters),
		place:     noPlace,
	}
	h.configure(m)
	return h
}

func (h *host) configure(m Member) { h.zone, h.weight = m.Zone, max(m.Weight, 1) }

// windowSize is how many errors the rules can ask a window for. In probation they never ask for more.
func (p *Policy) windowSize() int { return p.ErrorThreshold }

// probation is how long all its steps last together.
func (p *Policy) probation() time.Duration {
	return time.Duration(len(p.ProbationWeights)) * p.ProbationStep
}

// threshold is how many errors eject the host in its present state, and why.
func (h *host) threshold() (int, Reason) {
	p := &h.cluster.policy
	if h.state == Probation {
		return min(p.ProbationErrorThreshold, p.ErrorThreshold), ReasonProbation
	}
	return p.ErrorThreshold, ReasonErrors
}

// ordered says whether the operator ordered the action for the host.
func (h *host) ordered(a Action) bool { return h.override != nil && h.override.Action == a }

// isOut says whether the host is out of rotation, or would be if the policy were enforced.
func (h *host) isOut() bool {
	return h.ordered(ActionEject) || h.state == Ejected && !h.ordered(ActionKeep)
}

// isSound says whether nothing is held against the host.
func (h *host) isSound() bool {
	return h.state == Healthy && !h.ordered(ActionEject) && !h.refused.Reason.isCap()
}

// publish returns what EDS is to say of the host: the verdict, if it is enforced, and the operator's word above it.
func (h *host) publish() published {
	enforce := h.cluster.policy.Enforce
	switch {
	case h.ordered(ActionEject), h.isOut() && enforce:
		return published{PublishedUnhealthy, h.weight}
	case h.state == Probation && enforce && !h.ordered(ActionKeep):
		return published{PublishedHealthy, h.probationWeight()}
	default:
		return published{PublishedHealthy, h.weight}
	}
}

// probationWeight is the step's share of the host's weight, never 0, which Envoy refuses.
func (h *host) probationWeight() uint32 {
	percent := h.cluster.policy.ProbationWeights[h.step]
	return uint32(max(uint64(h.weight)*uint64(percent)/100, 1)) //nolint:gosec // percent is 1 to 100
}

// outsidePolicy says whether the host is in a probation step that its policy no longer has.
func (h *host) outsidePolicy() bool {
	return h.state == Probation && h.step >= len(h.cluster.policy.ProbationWeights)
}

func (h *host) snapshot(now time.Time) HostSnapshot {
	span := h.cluster.policy.Window
	requests, failures := h.volume.sum(now, span)
	s := HostSnapshot{
		Host: h.id, Zone: h.zone, Weight: h.weight,
		Verdict: h.state, Since: h.since, Until: h.until, Override: h.override,
		Published: h.published.state, PublishedWeight: h.published.weight,
		WindowErrors: h.window.count(now, span), WindowRequests: requests, WindowFailures: failures,
		Witnesses:   h.reporters.count(now, span),
		TotalErrors: h.total, Observed: h.observed, Ejections: h.ejections, Last: h.last,
		Backoff: h.backoff.remembered(now, span),
	}
	if s.WindowErrors > 0 {
		s.Reporters = h.window.evidence(s.WindowErrors).Reporters
	}
	if h.refused.Reason != "" {
		refused := h.refused
		s.Refused = &refused
	}
	return s
}
