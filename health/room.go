package health

import (
	"cmp"
	"slices"
)

// reconsider looks again at every refused ejection of a cluster, oldest want first: room appeared, or what forbade
// them is gone.
func (t *Tracker) reconsider(c *cluster) {
	if c.refused == 0 {
		t.checkFailing(c)
		return
	}
	var wanting []*host
	for _, h := range c.sorted() {
		if h.refused.Reason != "" {
			wanting = append(wanting, h)
		}
	}
	slices.SortStableFunc(wanting, func(a, b *host) int { return a.refused.Since.Compare(b.refused.Since) })
	for _, h := range wanting {
		t.consider(h)
	}
	t.checkFailing(c)
}

// enforceCaps brings hosts back, longest out first, until the caps hold. What an operator ejected stays out.
func (t *Tracker) enforceCaps(c *cluster) {
	var out []*host
	for _, h := range c.hosts {
		if h.state == Ejected && h.out && !h.ordered(ActionEject) {
			out = append(out, h)
		}
	}
	slices.SortFunc(out, func(a, b *host) int { return cmp.Or(a.since.Compare(b.since), compareHosts(a.id, b.id)) })
	for _, h := range out {
		if c.overCap(h) {
			t.recover(h, ReasonCap)
		}
	}
}

// checkFailing tells when a whole cluster begins or ceases to fail: that is not a host's problem.
func (t *Tracker) checkFailing(c *cluster) {
	failing := c.allFailing()
	if failing == c.failing {
		return
	}
	c.failing = failing
	kind, reason := ClusterPassed, ReasonSomeWell
	if failing {
		kind, reason = ClusterFailing, ReasonAllFailing
	}
	t.tell(Transition{Kind: kind, At: t.now, Host: Host{Cluster: c.name}, Reason: reason})
}
