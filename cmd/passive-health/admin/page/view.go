package page

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/journal"
	"github.com/envoy-passive-health/passive-health/health"
	"github.com/envoy-passive-health/passive-health/xds"
)

const (
	shownHosts  = 200 // of one cluster: what is not healthy comes first
	shownEvents = 30
)

// view is what the templates draw.
type view struct {
	Version  string
	At       time.Time
	Show     string // "trouble" for what is not healthy alone
	Out      int    // hosts that are not in rotation
	Alarms   []string
	Clusters []clusterView
	Proxies  []xds.Proxy
	Events   []journal.Event // the newest first
	Last     uint64          // the newest one's id: the script listens from there
}

type clusterView struct {
	health.Snapshot

	In       int
	Bar      bar
	Rows     []hostView
	Unshown  int // healthy hosts beyond shownHosts
	Enforced bool
}

// bar says where a cluster's hosts, its cap and Envoy's panic line stand, in percent of its width.
type bar struct{ Healthy, Probation, Out, Cap, Panic int }

type hostView struct {
	*health.HostSnapshot

	State   string // one word, and the class that colours it
	Why     string
	BackIn  string
	Since   string
	Ordered bool
}

func newView(o *Options, show string, now time.Time) *view {
	v := &view{Version: o.Version, At: now, Show: show, Proxies: o.Proxies()}
	for _, s := range o.Snapshots() {
		c := newCluster(s, show, now)
		v.Out += len(s.Hosts) - c.In
		v.Alarms = append(v.Alarms, alarms(&c)...)
		v.Clusters = append(v.Clusters, c)
	}
	slices.SortStableFunc(v.Clusters, func(a, b clusterView) int { return b.trouble() - a.trouble() })
	for i := range v.Proxies {
		if p := &v.Proxies[i]; p.State == xds.ProxyNacked {
			v.Alarms = append(v.Alarms, fmt.Sprintf("%s refused %s: %s", p.Node, p.LastNack.ServiceName, p.LastNack.Text))
		}
	}
	events := o.Events()
	v.Events = slices.Clone(events[max(len(events)-shownEvents, 0):])
	slices.Reverse(v.Events)
	if len(v.Events) > 0 {
		v.Last = v.Events[0].ID
	}
	return v
}

// trouble ranks clusters: the worst comes first.
func (c *clusterView) trouble() int {
	rank := 0
	for i, holds := range []bool{len(c.Hosts) > c.In, c.Paused, c.Panic, c.Failing} {
		if holds {
			rank += 1 << i
		}
	}
	return rank
}

func alarms(c *clusterView) (all []string) {
	for _, a := range []struct {
		holds bool
		text  string
	}{
		{c.Failing, "every host is failing: as many are out as the cap allows"},
		{c.Panic, "Envoy panics: fewer hosts are healthy than its threshold, so it ignores the marks"},
	} {
		if a.holds {
			all = append(all, c.Cluster+": "+a.text)
		}
	}
	return all
}

func newCluster(s health.Snapshot, show string, now time.Time) clusterView {
	c := clusterView{Snapshot: s, Enforced: s.Policy.Enforce}
	counts := map[string]int{}
	for i := range s.Hosts {
		h := newHost(&s.Hosts[i], now)
		counts[h.State]++
		if h.State != "healthy" || h.Ordered || h.Refused != nil || show != "trouble" {
			c.Rows = append(c.Rows, h)
		}
	}
	slices.SortStableFunc(c.Rows, func(a, b hostView) int { return cmp.Compare(order(&a), order(&b)) })
	c.In = counts["healthy"] + counts["probation"]
	if most := max(len(s.Hosts)-c.In+counts["probation"], shownHosts); len(c.Rows) > most {
		c.Unshown, c.Rows = len(c.Rows)-most, c.Rows[:most]
	}
	total := max(len(s.Hosts), 1)
	c.Bar = bar{
		Healthy: counts["healthy"] * 100 / total, Probation: counts["probation"] * 100 / total,
		Cap: 100 - s.Policy.MaxEjectionPercent, Panic: s.Policy.PanicThreshold,
	}
	c.Bar.Out = 100 - c.Bar.Healthy - c.Bar.Probation
	return c
}

// order puts what is out before what is wanted out, before probation, before the rest.
func order(h *hostView) int {
	switch {
	case h.State == "out":
		return 0
	case h.Refused != nil:
		return 1
	case h.State == "probation":
		return 2
	case h.Ordered || h.WindowErrors > 0:
		return 3
	default:
		return 4
	}
}

func newHost(h *health.HostSnapshot, now time.Time) hostView {
	v := hostView{HostSnapshot: h, State: h.Verdict.String(), Ordered: h.Override != nil}
	switch {
	case h.Published == health.PublishedUnhealthy:
		v.State = "out"
	case h.Verdict == health.Ejected:
		v.State = "healthy" // an operator keeps it in, or nothing is enforced; the words say so
	}
	if !h.Since.IsZero() {
		v.Since = h.Since.Format(time.TimeOnly)
	}
	if h.Verdict != health.Healthy && !h.Until.IsZero() {
		v.BackIn = max(h.Until.Sub(now), 0).Round(time.Second).String()
	}
	v.Why = why(h, now)
	return v
}

// why says what holds the host where it is, an operator's word before the rules'.
func why(h *health.HostSnapshot, now time.Time) string {
	var reasons []string
	if o := h.Override; o != nil {
		left := o.EndsAt.Sub(now).Round(time.Second)
		reasons = append(reasons, fmt.Sprintf("%s by %s for another %v: %s", o.Action, o.CreatedBy, left, o.Comment))
	}
	if h.Refused != nil {
		reasons = append(reasons, "an ejection is wanted and refused: "+string(h.Refused.Reason))
	}
	if h.Verdict != health.Healthy && h.Last != nil {
		reasons = append(reasons, h.Last.Text())
	}
	return strings.Join(reasons, "; ")
}
