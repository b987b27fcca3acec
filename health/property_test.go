package health

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

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
