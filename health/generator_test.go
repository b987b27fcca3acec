package health

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"pgregory.net/rapid"
)

// event is anything that can happen to a tracker.
type event struct {
	name  string
	at    time.Time
	apply func(t *Tracker, at time.Time)
}

// generator draws events that follow one another.
type generator struct {
	*rapid.T

	now  time.Time
	made int // overrides, for their ids
}

func (g *generator) event() event {
	g.now = g.now.Add(time.Duration(rapid.SampledFrom([]int64{0, 0, 0, 1, 1e3, 1e8, 1e9, 5e9, 30e9, 31e9, 200e9}).Draw(g.T, "step")))
	late := rapid.SampledFrom([]time.Duration{0, 0, 0, 0, time.Minute}).Draw(g.T, "late")
	e := event{at: g.now.Add(-late)}
	switch kind := rapid.IntRange(0, 20).Draw(g.T, "kind"); {
	case kind < 12:
		o := g.observation()
		e.name, e.apply = fmt.Sprintf("record %+v", o), func(t *Tracker, at time.Time) { t.Record(at, o) }
	case kind < 14:
		e.name, e.apply = "advance", (*Tracker).Advance
	case kind < 16:
		clusters := g.clusters()
		e.name, e.apply = fmt.Sprintf("set %d clusters", len(clusters)), func(t *Tracker, at time.Time) { t.SetClusters(at, clusters) }
	case kind < 18:
		o, force := g.override(), rapid.Bool().Draw(g.T, "force")
		e.name, e.apply = fmt.Sprintf("override %+v", o), func(t *Tracker, at time.Time) { _ = t.AddOverride(at, o, force) }
	case kind == 18:
		id := strconv.Itoa(rapid.IntRange(0, g.made).Draw(g.T, "id"))
		e.name, e.apply = "end "+id, func(t *Tracker, at time.Time) { _ = t.EndOverride(at, id) }
	case kind == 19:
		e.name, e.apply = "reset all", (*Tracker).ResetAll
	default:
		id := g.host()
		e.name, e.apply = "reset "+id.String(), func(t *Tracker, at time.Time) { t.Reset(at, id) }
	}
	return e
}

// underOnePolicy draws an event other than a new configuration.
func (g *generator) underOnePolicy() event {
	e := g.event()
	for strings.HasPrefix(e.name, "set") {
		e = g.event()
	}
	return e
}

func (g *generator) host() Host {
	return Host{
		Cluster: rapid.SampledFrom([]string{"web", "api", "gone"}).Draw(g.T, "cluster"),
		Address: address(rapid.IntRange(1, 6).Draw(g.T, "host")),
	}
}

func (g *generator) observation() Observation {
	return Observation{
		Host:     g.host(),
		Reporter: rapid.SampledFrom([]string{"", "a", "b", "c"}).Draw(g.T, "reporter"),
		Route:    rapid.SampledFrom([]string{"", "search"}).Draw(g.T, "route"),
		Outcome:  rapid.SampledFrom([]Outcome{Response, Response, Response, ConnectFailure, Timeout, Hidden, Volume}).Draw(g.T, "outcome"),
		Status:   rapid.SampledFrom([]int{0, 200, 404, 500, 501, 503, 503}).Draw(g.T, "status"),
		GRPC:     GRPCStatus(rapid.SampledFrom([]int{0, 0, 5, 14}).Draw(g.T, "grpc")),
		Count:    rapid.SampledFrom([]int{0, 1, 1, 2, 7}).Draw(g.T, "count"),
		Requests: rapid.SampledFrom([]int{0, 1, 50}).Draw(g.T, "requests"),
	}
}

func (g *generator) clusters() []Cluster {
	var all []Cluster
	for _, name := range []string{"web", "api"} {
		if rapid.IntRange(0, 9).Draw(g.T, "listed") == 0 {
			continue
		}
		c := Cluster{Name: name, Policy: g.policy()}
		for i := range rapid.IntRange(0, 6).Draw(g.T, "hosts") {
			c.Members = append(c.Members, Member{
				Address: address(i + 1), Weight: uint32(rapid.IntRange(1, 100).Draw(g.T, "weight")),
				Zone: rapid.SampledFrom([]string{"a", "b"}).Draw(g.T, "zone"),
			})
		}
		all = append(all, c)
	}
	return all
}

func (g *generator) policy() Policy {
	p := DefaultPolicy()
	p.ErrorThreshold = rapid.SampledFrom([]int{1, 2, 5}).Draw(g.T, "threshold")
	p.Window = rapid.SampledFrom([]time.Duration{time.Second, 30 * time.Second}).Draw(g.T, "window")
	p.RecoveryTime = rapid.SampledFrom([]time.Duration{0, time.Second, 30 * time.Second}).Draw(g.T, "recovery")
	p.RecoveryTimeMax = p.RecoveryTime * time.Duration(rapid.SampledFrom([]int{1, 4}).Draw(g.T, "longest"))
	p.RecoveryJitter = rapid.SampledFrom([]int{0, 10}).Draw(g.T, "jitter")
	p.ProbationStep = rapid.SampledFrom([]time.Duration{time.Second, 5 * time.Second, time.Minute}).Draw(g.T, "probation step")
	p.ProbationErrorThreshold = rapid.SampledFrom([]int{1, 2, 2, 9}).Draw(g.T, "probation threshold")
	p.MaxEjectionPercent = rapid.SampledFrom([]int{0, 34, 50, 100}).Draw(g.T, "cap")
	p.MaxZoneEjectionPercent = rapid.SampledFrom([]int{50, 100, 100}).Draw(g.T, "zone cap")
	p.MinHealthyHosts = rapid.IntRange(0, 2).Draw(g.T, "floor")
	p.MinReporters = rapid.SampledFrom([]int{1, 1, 2}).Draw(g.T, "quorum")
	p.FailurePercent = rapid.SampledFrom([]int{0, 0, 20}).Draw(g.T, "percent")
	p.MinRequests = rapid.SampledFrom([]int{0, 0, 10}).Draw(g.T, "volume")
	p.ProbationWeights = rapid.SampledFrom([][]int{nil, {10}, {10, 25, 50}}).Draw(g.T, "weights")
	p.Enforce = rapid.IntRange(0, 4).Draw(g.T, "enforce") > 0
	p.Ignore = rapid.SampledFrom([][]Ignore{nil, {{Route: "search"}}}).Draw(g.T, "ignore")
	return p
}

func (g *generator) override() Override {
	g.made++
	o := Override{
		ID: strconv.Itoa(g.made), Cluster: rapid.SampledFrom([]string{"web", "api", ""}).Draw(g.T, "cluster"),
		Action:    rapid.SampledFrom([]Action{ActionEject, ActionKeep, ActionPause}).Draw(g.T, "action"),
		CreatedBy: "ann", Comment: "x", EndsAt: g.now.Add(rapid.SampledFrom([]time.Duration{1, time.Second, time.Hour}).Draw(g.T, "for")),
	}
	if o.Action != ActionPause && rapid.Bool().Draw(g.T, "one host") {
		o.Hosts = []netip.AddrPort{address(rapid.IntRange(1, 6).Draw(g.T, "host"))}
	}
	return o
}

// sequence draws a configuration and what happens under it.
func sequence(t *rapid.T) []event {
	g := &generator{T: t, now: start}
	clusters := g.clusters()
	events := []event{{"set", start, func(t *Tracker, at time.Time) { t.SetClusters(at, clusters) }}}
	for range rapid.IntRange(1, 80).Draw(t, "events") {
		events = append(events, g.event())
	}
	return events
}
