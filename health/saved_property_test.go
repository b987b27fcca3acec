package health

import (
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestSavedMidwayGoesOnAlike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := &generator{T: t, now: start}
		clusters := g.clusters()
		one := NewTracker()
		one.SetClusters(start, clusters)
		for range rapid.IntRange(1, 60).Draw(t, "events") {
			e := g.underOnePolicy()
			e.apply(one, e.at)
		}
		one.SetClusters(g.now, clusters) // a restart is no more than a reload: refusals are looked at again
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
			if a, b := view(t, one, g.now), view(t, other, g.now); a != b {
				t.Fatalf("whole\n%s\nrestored\n%s", a, b)
			}
			e := g.underOnePolicy()
			e.apply(one, e.at)
			e.apply(other, e.at)
		}
	})
}

func TestRestoredUnderAnotherConfiguration(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		one := NewTracker()
		var at time.Time
		for _, e := range sequence(t) {
			at = e.at
			e.apply(one, at)
		}
		saved := one.Save()
		at = at.Add(time.Duration(rapid.SampledFrom([]int64{0, 1e9, 60e9, 90_000e9, -60e9, -90_000e9}).Draw(t, "meanwhile")))
		g := &generator{T: t, now: at, made: maxOverrides}
		other := NewTracker()
		other.SetClusters(at, g.clusters())
		other.Restore(at, saved)
		checkInvariants(t, other)
		for range 20 {
			e := g.event()
			e.apply(other, e.at)
			checkInvariants(t, other)
		}
	})
}
