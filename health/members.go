package health

import (
	"slices"
	"time"
)

// SetClusters replaces the configuration: which clusters there are, their policies and their members. A host that
// stays keeps its state; one that leaves takes its state with it. The policies must be valid.
func (t *Tracker) SetClusters(at time.Time, clusters []Cluster) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.advance(at)
	listed := make(map[string]bool, len(clusters))
	for _, cfg := range clusters {
		listed[cfg.Name] = true
		t.setCluster(cfg)
	}
	for name, c := range t.clusters {
		if !listed[name] {
			t.removeCluster(c)
		}
	}
	t.advance(t.now) // a step of probation that the new policy made shorter may be over already
}

func (t *Tracker) setCluster(cfg Cluster) {
	c := t.clusters[cfg.Name]
	if c == nil {
		c = newCluster(cfg.Name)
		t.clusters[cfg.Name] = c
	}
	for _, h := range c.hosts {
		h.volume = h.volume.moved(c.policy.Window, cfg.Policy.Window)
	}
	c.policy = cfg.Policy
	if (c.heard.places == nil) == (cfg.Policy.MinReporters > 1) {
		c.heard = newReporters(cfg.Policy.MinReporters)
	}
	if t.setMembers(c, cfg.Members) {
		t.mark(c)
	}
	c.recount()
	for _, h := range c.sorted() {
		t.applyPolicy(h)
	}
	t.applyOverrides(c)
	t.enforceCaps(c)
	t.reconsider(c)
}

// setMembers makes the cluster's hosts those listed, and says whether that changed what EDS lists.
func (t *Tracker) setMembers(c *cluster, members []Member) (changed bool) {
	listed := make(map[Host]bool, len(members))
	for _, m := range members {
		id := Host{Cluster: c.name, Address: m.Address}
		listed[id] = true
		if h := c.hosts[id]; h != nil {
			changed = changed || h.zone != m.Zone
			h.configure(m)
			continue
		}
		h := newHost(c, m)
		c.hosts[id], t.hosts[id] = h, h
		changed = true
	}
	for id, h := range c.hosts {
		if !listed[id] {
			t.removeHost(h)
			changed = true
		}
	}
	return changed
}

func (t *Tracker) removeHost(h *host) {
	if h.state != Healthy {
		h.cluster.counters.Recoveries[ReasonRemoved]++
	}
	t.deadlines.set(h, time.Time{})
	delete(h.cluster.hosts, h.id)
	delete(t.hosts, h.id)
}

func (t *Tracker) removeCluster(c *cluster) {
	for _, h := range c.hosts {
		t.removeHost(h)
	}
	delete(t.clusters, c.name)
	t.mark(c)
}

// applyPolicy fits a host into its cluster's present policy.
func (t *Tracker) applyPolicy(h *host) {
	p := &h.cluster.policy
	h.window = h.window.resized(p.windowSize())
	if (h.reporters.places == nil) == (p.MinReporters > 1) {
		h.reporters = newReporters(p.MinReporters)
	}
	switch {
	case h.outsidePolicy():
		t.heal(h, ReasonTimer)
	case h.state == Probation:
		h.until = h.since.Add(p.probation())
		t.deadlines.set(h, h.stepEnds())
	}
}

// Reset makes a host as if it had just joined: errors, totals, backoff and verdict are gone, and it is healthy in the
// next publication. ok is false for an unknown host.
func (t *Tracker) Reset(at time.Time, id Host) (ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.advance(at)
	h := t.hosts[id]
	if h == nil {
		return false
	}
	t.reset(h)
	t.reconsider(h.cluster)
	return true
}

// ResetAll resets every host of every cluster.
func (t *Tracker) ResetAll(at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.advance(at)
	for _, c := range t.byName() {
		for _, h := range c.sorted() {
			t.reset(h)
		}
		t.checkFailing(c)
	}
}

func (t *Tracker) reset(h *host) {
	c := h.cluster
	c.setRefused(h, Refusal{})
	t.deadlines.set(h, time.Time{})
	h.window.clear()
	h.reporters.clear()
	h.volume, h.backoff = volume{}, backoff{}
	h.total, h.observed, h.ejections, h.step = 0, [OutcomeClasses]uint64{}, 0, 0
	if h.state == Healthy {
		return
	}
	c.counters.Recoveries[ReasonReset]++
	t.move(h, Healthy, time.Time{}, Transition{Kind: HostRecovered, Reason: ReasonReset})
}

func (t *Tracker) byName() []*cluster {
	all := make([]*cluster, 0, len(t.clusters))
	for _, c := range t.clusters {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *cluster) int { return compareHosts(Host{Cluster: a.name}, Host{Cluster: b.name}) })
	return all
}
