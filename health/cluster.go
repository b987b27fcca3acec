package health

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// cluster is the state of one cluster. Only its Tracker touches it, under the Tracker's lock.
type cluster struct {
	name    string
	policy  Policy
	hosts   map[Host]*host
	zones   map[string]*zone
	heard   reporters // the Envoys that sent traffic to the cluster
	version uint64

	out     int  // hosts that are out
	sound   int  // hosts that are healthy and that no cap alone keeps in
	refused int  // hosts with a Refusal
	capped  int  // of these, hosts that only a cap keeps in
	paused  bool // by an operator
	failing bool // every host is failing

	counters Counters
}

// zone counts the hosts of one zone.
type zone struct{ hosts, out int }

func newCluster(name string) *cluster {
	return &cluster{
		name: name, hosts: map[Host]*host{}, zones: map[string]*zone{},
		counters: Counters{
			Errors: map[Cause]uint64{}, Ejections: map[Reason]uint64{},
			Refusals: map[Reason]uint64{}, Recoveries: map[Reason]uint64{},
		},
	}
}

// sorted returns the hosts by address: whatever goes through all of them does so in the same order everywhere.
func (c *cluster) sorted() []*host {
	return slices.SortedFunc(maps.Values(c.hosts), func(a, b *host) int { return a.id.Address.Compare(b.id.Address) })
}

// refusal returns why the host may not be ejected now, or "" if it may. Missing evidence comes first: without it
// nothing is wanted that an operator or a cap could refuse.
func (c *cluster) refusal(h *host, now time.Time) Reason {
	return cmp.Or(c.missingEvidence(h, now), c.forbidden(h), c.capReached(h))
}

func (c *cluster) missingEvidence(h *host, now time.Time) Reason {
	p := &c.policy
	requests, errors := h.volume.sum(now, p.Window)
	requests = max(requests, errors)
	switch {
	case h.state != Probation && requests < p.MinRequests:
		return RefusedMinRequests // in probation a host has few requests by intent
	case errors*100 < p.FailurePercent*requests:
		return RefusedRatio
	case h.reporters.count(now, p.Window) < c.quorum(now):
		return RefusedQuorum
	}
	return ""
}

// quorum is how many Envoys must have seen an error: MinReporters, or as many as send traffic if those are fewer.
// Where one is enough, reporters are not even recorded.
func (c *cluster) quorum(now time.Time) int {
	if c.policy.MinReporters <= 1 {
		return 0
	}
	return max(min(c.policy.MinReporters, c.heard.count(now, c.policy.Window)), 1)
}

func (c *cluster) forbidden(h *host) Reason {
	switch {
	case c.paused:
		return RefusedPaused
	case h.ordered(ActionKeep):
		return RefusedOverride
	}
	return ""
}

// capReached returns the cap that one more host out would break. Shares are of the hosts as configured, whatever
// else is out, and compared as whole numbers.
func (c *cluster) capReached(h *host) Reason {
	if h.isOut() {
		return ""
	}
	zone := c.zones[h.zone]
	switch {
	case (c.out+1)*100 > c.policy.MaxEjectionPercent*len(c.hosts):
		return RefusedMaxPercent
	case len(c.hosts)-(c.out+1) < c.policy.MinHealthyHosts:
		return RefusedMinHealthy
	case (zone.out+1)*100 > c.policy.MaxZoneEjectionPercent*zone.hosts:
		return RefusedMaxZonePercent
	}
	return ""
}

// isCap says whether the reason is a limit on how many may be out.
func (r Reason) isCap() bool {
	return r == RefusedMaxPercent || r == RefusedMinHealthy || r == RefusedMaxZonePercent
}

// overCap says whether the host is out in breach of a cap, which happens when a cap, a cluster or a zone shrinks or an operator
// ejects others.
func (c *cluster) overCap(h *host) bool {
	zone := c.zones[h.zone]
	return c.out*100 > c.policy.MaxEjectionPercent*len(c.hosts) ||
		len(c.hosts)-c.out < c.policy.MinHealthyHosts ||
		zone.out*100 > c.policy.MaxZoneEjectionPercent*zone.hosts
}

// recount counts everything anew, after members changed.
func (c *cluster) recount() {
	c.out, c.sound, c.refused, c.capped = 0, 0, 0, 0
	clear(c.zones)
	for _, h := range c.hosts {
		if c.zones[h.zone] == nil {
			c.zones[h.zone] = &zone{}
		}
		c.zones[h.zone].hosts++
		refused := h.refused
		h.out, h.sound, h.refused = false, false, Refusal{}
		c.setRefused(h, refused)
	}
}

// tally keeps the counts in step with the host, after anything about it changed.
func (c *cluster) tally(h *host) {
	step := func(was *bool, is bool) int {
		defer func() { *was = is }()
		return btoi(is) - btoi(*was)
	}
	out := step(&h.out, h.isOut())
	c.out += out
	c.zones[h.zone].out += out
	c.sound += step(&h.sound, h.isSound())
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// setRefused replaces the host's refused ejection.
func (c *cluster) setRefused(h *host, r Refusal) {
	c.refused += btoi(r.Reason != "") - btoi(h.refused.Reason != "")
	c.capped += btoi(r.Reason.isCap()) - btoi(h.refused.Reason.isCap())
	h.refused = r
	c.tally(h)
}

// allFailing says whether every host is failing: none is sound, and a cap keeps at least one in. A host that is
// back on probation has not proved itself, so it alone does not end the failure.
func (c *cluster) allFailing() bool {
	return c.sound == 0 && len(c.hosts) > 0 && (c.capped > 0 || c.failing)
}

// panics says whether Envoy would ignore the marks: a smaller share of healthy hosts than its panic threshold.
func (c *cluster) panics() bool {
	unhealthy := 0
	for _, h := range c.hosts {
		if h.published.state == PublishedUnhealthy {
			unhealthy++
		}
	}
	return (len(c.hosts)-unhealthy)*100 < c.policy.PanicThreshold*len(c.hosts)
}

func (c *cluster) snapshot(now time.Time) Snapshot {
	s := Snapshot{
		Cluster: c.name, At: now, Version: c.version, Policy: c.policy,
		Hosts:  make([]HostSnapshot, 0, len(c.hosts)),
		Quorum: c.quorum(now), Out: c.out, Panic: c.panics(), Failing: c.failing, Paused: c.paused,
		Counters: Counters{
			Errors: maps.Clone(c.counters.Errors), Ejections: maps.Clone(c.counters.Ejections),
			Refusals: maps.Clone(c.counters.Refusals), Recoveries: maps.Clone(c.counters.Recoveries),
		},
	}
	for _, h := range c.sorted() {
		s.Hosts = append(s.Hosts, h.snapshot(now))
	}
	return s
}
