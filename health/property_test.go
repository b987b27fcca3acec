package health

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
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
	e := event{at: g.now}
	switch kind := rapid.IntRange(0, 19).Draw(g.T, "kind"); {
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
	default:
		id := g.host()
		e.name, e.apply = "reset "+id.String(), func(t *Tracker, at time.Time) { t.Reset(at, id) }
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

// view is everything that can be seen of a tracker, but what only this process counts.
func view(t *Tracker, at time.Time) string {
	var all []Snapshot
	for _, name := range t.Clusters() {
		s, _ := t.Snapshot(at, name)
		s.Version, s.Counters = 0, Counters{}
		for i := range s.Hosts {
			s.Hosts[i].Observed = [OutcomeClasses]uint64{}
		}
		all = append(all, s)
	}
	return fmt.Sprintf("%s\n%s", spelt(all), spelt(t.Overrides()))
}

// spelt writes a value with all that it points to.
func spelt(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		return []byte(err.Error())
	}
	return data
}

// TestInvariantsHold: I2, I3, I4, I5 and I6 hold after each event of any sequence.
func TestInvariantsHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tr := NewTracker()
		for _, e := range sequence(t) {
			e.apply(tr, e.at)
			checkInvariants(t, tr)
			checkTold(t, tr.Take().Transitions)
		}
	})
}

// TestSameEventsSameVerdicts: the fold is deterministic, transitions and all.
func TestSameEventsSameVerdicts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		one, other := NewTracker(), NewTracker()
		var at time.Time
		for _, e := range sequence(t) {
			at = e.at
			e.apply(one, at)
			e.apply(other, at)
			told, again := one.Take(), other.Take()
			if diff := cmp.Diff(told, again, cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
				t.Fatalf("after %s (-one +other):\n%s", e.name, diff)
			}
		}
		if a, b := view(one, at), view(other, at); a != b {
			t.Fatalf("one\n%s\nother\n%s", a, b)
		}
	})
}

// TestCountIsSoManyTimesOne: an observation of Count n is n of Count 1 at the same instant.
func TestCountIsSoManyTimesOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := &generator{T: t, now: start}
		clusters := g.clusters()
		whole, split := NewTracker(), NewTracker()
		whole.SetClusters(start, clusters)
		split.SetClusters(start, clusters)
		for range rapid.IntRange(1, 30).Draw(t, "events") {
			g.now = g.now.Add(time.Duration(rapid.Int64Range(0, 20e9).Draw(t, "step")))
			o := g.observation()
			o.Requests = 0
			whole.Record(g.now, o)
			n := max(o.Count, 1)
			o.Count = 1
			for range n {
				split.Record(g.now, o)
			}
			if a, b := view(whole, g.now), view(split, g.now); a != b {
				t.Fatalf("%+v as one\n%s\nas %d\n%s", o, a, n, b)
			}
		}
	})
}

// TestSavedMidwayGoesOnAlike: I4 across restarts. A state that went through a file and one that did not go on alike.
func TestSavedMidwayGoesOnAlike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := &generator{T: t, now: start}
		clusters := g.clusters()
		one := NewTracker()
		one.SetClusters(start, clusters)
		for range rapid.IntRange(1, 60).Draw(t, "events") {
			e := g.event()
			for e.name[:3] == "set" {
				e = g.event() // the second one is to have the same configuration
			}
			e.apply(one, e.at)
		}
		data, err := json.Marshal(one.Save())
		if err != nil {
			t.Fatal(err)
		}
		saved, err := UnmarshalSaved(data)
		if err != nil {
			t.Fatal(err)
		}
		other := NewTracker()
		other.SetClusters(g.now, clusters)
		other.Restore(g.now, saved)
		checkInvariants(t, other)
		for range 20 {
			if a, b := view(one, g.now), view(other, g.now); a != b {
				t.Fatalf("whole\n%s\nrestored\n%s", a, b)
			}
			e := g.event()
			e.apply(one, e.at)
			e.apply(other, e.at)
		}
	})
}

// TestMarksEnd: I4. Whatever happened, an hour without traffic or orders leaves no host out.
func TestMarksEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tr := NewTracker()
		var at time.Time
		for _, e := range sequence(t) {
			at = e.at
			e.apply(tr, at)
		}
		at = at.Add(time.Hour)
		tr.Advance(at)
		for _, name := range tr.Clusters() {
			s, _ := tr.Snapshot(at, name)
			for i := range s.Hosts {
				if h := &s.Hosts[i]; h.Verdict != Healthy {
					t.Fatalf("an hour later %v is %v until %v", h.Host, h.Verdict, h.Until)
				}
			}
		}
	})
}

// TestFlappingHostChangesEDSRarely: a host that fails for every other second of an hour is published anew at most 60 times:
// the backoff leaves it out for most of the time.
func TestFlappingHostChangesEDSRarely(t *testing.T) {
	f := newFleet(t, 4, DefaultPolicy())
	before, _ := f.Snapshot(start, "web")
	for second := range 3600 {
		at := time.Duration(second) * time.Second
		f.Advance(start.Add(at))
		if second%2 == 0 && f.host(at, 1).Published == PublishedHealthy {
			f.answer(at, 1, 503, 10)
		}
	}
	after, _ := f.Snapshot(start.Add(time.Hour), "web")
	const most = 60
	changes := after.Version - before.Version
	t.Logf("%d changes in an hour", changes)
	if changes > most || changes == 0 {
		t.Errorf("%d changes of EDS in an hour, want some and at most %d", changes, most)
	}
}
