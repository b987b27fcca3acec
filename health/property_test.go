package health

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// view is everything that can be seen of a tracker, but what only this process counts.
func view(t failer, tr *Tracker, at time.Time) string {
	var b strings.Builder
	for _, name := range tr.Clusters() {
		s, _ := tr.Snapshot(at, name)
		for i := range s.Hosts {
			spell(t, &b, s.Hosts[i].kept(&s.Policy))
		}
		fmt.Fprintln(&b, name, s.Quorum, s.Out, s.Panic, s.Failing, s.Paused)
	}
	for _, o := range tr.Overrides() {
		spell(t, &b, o)
	}
	next, _ := tr.Next()
	fmt.Fprintln(&b, next.UTC())
	return b.String()
}

// kept returns the host without what a restart may lose: counts since the process began, and volumes that no rule asks for.
func (h HostSnapshot) kept(p *Policy) HostSnapshot {
	h.Observed = [OutcomeClasses]uint64{}
	if p.FailurePercent > 0 || p.MinRequests > 0 {
		return h
	}
	h.WindowRequests, h.WindowFailures = 0, 0
	if h.Last != nil {
		last := *h.Last
		last.Evidence.Requests = 0
		h.Last = &last
	}
	return h
}

// spell writes a value with all that it points to.
func spell(t failer, b *strings.Builder, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("%T: %v", v, err)
	}
	b.Write(data)
	b.WriteByte('\n')
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
		if a, b := view(t, one, at), view(t, other, at); a != b {
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
			if a, b := view(t, whole, g.now), view(t, split, g.now); a != b {
				t.Fatalf("%+v as one\n%s\nas %d\n%s", o, a, n, b)
			}
		}
	})
}

// TestSavedMidwayGoesOnAlike: I4 across restarts. A state that went through a file goes on like one that did not.
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

// TestEarlierInstantsAreAnnounced: whoever sleeps until Next is woken by Changed when something becomes due before that.
func TestEarlierInstantsAreAnnounced(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tr := NewTracker()
		for _, e := range sequence(t) {
			before, slept := tr.Next()
			woken := false
			select {
			case <-tr.Changed():
			default:
			}
			e.apply(tr, e.at)
			select {
			case <-tr.Changed():
				woken = true
			default:
			}
			if after, ok := tr.Next(); ok && !woken && (!slept || after.Before(before)) {
				t.Fatalf("after %s the next instant is %v, before it was %v, and nobody is woken", e.name, after, before)
			}
		}
	})
}

// TestWhatIsPublishedAnewIsSaid: a cluster whose published state differs is among those that changed, in a newer version.
func TestWhatIsPublishedAnewIsSaid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tr := NewTracker()
		before := map[string]Snapshot{}
		for _, e := range sequence(t) {
			e.apply(tr, e.at)
			changed := tr.Take().Clusters
			after := map[string]Snapshot{}
			for _, name := range tr.Clusters() {
				s, _ := tr.Snapshot(e.at, name)
				after[name] = s
				old, ok := before[name]
				if differs := onWire(&s) != onWire(&old); differs && (!slices.Contains(changed, name) || ok && s.Version <= old.Version) {
					t.Fatalf("after %s %s is in version %d (before %d), changed are %v", e.name, name, s.Version, old.Version, changed)
				}
			}
			for name := range before {
				if _, ok := after[name]; !ok && !slices.Contains(changed, name) {
					t.Fatalf("after %s %s is gone, changed are %v", e.name, name, changed)
				}
			}
			before = after
		}
	})
}

// onWire is what EDS would say of a cluster.
func onWire(s *Snapshot) string {
	var b strings.Builder
	for i := range s.Hosts {
		h := &s.Hosts[i]
		fmt.Fprintln(&b, h.Host, h.Zone, h.Published, h.PublishedWeight)
	}
	return b.String()
}

// TestLostErrorsEjectLater: I5. Whatever reports are lost on the way, a host goes out no earlier than if none were.
func TestLostErrorsEjectLater(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all, some := NewTracker(), NewTracker()
		clusters := []Cluster{{Name: "web", Policy: DefaultPolicy(), Members: members(2)}}
		all.SetClusters(start, clusters)
		some.SetClusters(start, clusters)
		at := start
		for range rapid.IntRange(1, 60).Draw(t, "errors") {
			at = at.Add(time.Duration(rapid.Int64Range(0, 20e9).Draw(t, "step")))
			o := Observation{Host: web(1), Status: rapid.SampledFrom([]int{200, 503}).Draw(t, "status")}
			all.Record(at, o)
			if !rapid.Bool().Draw(t, "lost") {
				some.Record(at, o)
			}
			if all.hosts[web(1)].ejections > 0 {
				return // the rest depends on when it comes back
			}
			if some.hosts[web(1)].ejections > 0 {
				t.Fatalf("at %v the errors that arrived ejected the host, and all of them did not", at)
			}
		}
	})
}

// TestRestoredUnderAnotherConfiguration: I2 and I4 hold whatever has become of the clusters and the clock meanwhile.
