package health

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"
)

// kinds lists what was told since the last call, with host and reason.
func (f fleet) kinds() (told []string) {
	for _, tr := range f.Take().Transitions {
		who := "web"
		if tr.Host.Address.IsValid() {
			who = strconv.Itoa(int(tr.Host.Address.Addr().As4()[3]))
		}
		told = append(told, fmt.Sprintf("%s %s %s", who, tr.Kind, tr.Reason))
	}
	return told
}

func (f fleet) wantTold(when string, want ...string) {
	f.t.Helper()
	if got := f.kinds(); !slices.Equal(got, want) {
		f.t.Errorf("%s told\n%q, want\n%q", when, got, want)
	}
}

// TestRefusalIsReconsideredAtTheNextError: it is told and counted once, not at each further error.
func TestRefusalIsReconsideredAtTheNextError(t *testing.T) {
	p := DefaultPolicy()
	p.MinReporters = 2
	f := newFleet(t, 4, p)
	f.seen(0, 2, "a", "b")
	f.Take()
	f.seen(0, 1, "a", "a", "a", "a", "a", "a", "a")
	f.wantTold("one Envoy's errors", "1 eject.refused quorum")
	f.seen(time.Second, 1, "b")
	f.wantTold("another Envoy's error", "1 host.ejected errors")
	if got := f.snapshot(time.Second).Counters.Refusals[RefusedQuorum]; got != 1 {
		t.Errorf("counted %d refusals, want 1", got)
	}
}

// TestRefusalEndsWithItsWindow: what is no longer supported is no longer wanted, to the nanosecond.
func TestRefusalEndsWithItsWindow(t *testing.T) {
	p := DefaultPolicy()
	p.MaxEjectionPercent = 0
	f := newFleet(t, 4, p)
	f.answer(0, 1, 503, 4)
	f.answer(10*time.Second, 1, 503, 1)
	f.wantRefused(30*time.Second, 1, RefusedMaxPercent)
	f.wantRefused(30*time.Second+1, 1, "")
	if at, ok := f.Next(); ok {
		t.Errorf("something is still due at %v", at)
	}
}

// TestRoomByMembers: a reload that adds hosts, or lifts the cap, lets out who waits.
func TestRoomByMembers(t *testing.T) {
	wide := DefaultPolicy()
	wide.MaxEjectionPercent = 75
	for name, reload := range map[string]Cluster{
		"more hosts":   {Name: "web", Policy: DefaultPolicy(), Members: members(6)},
		"a larger cap": {Name: "web", Policy: wide, Members: members(4)},
	} {
		f := newFleet(t, 4, DefaultPolicy())
		f.failAll(4)
		f.SetClusters(start.Add(5*time.Second), []Cluster{reload})
		if got := f.out(5 * time.Second); !slices.Equal(got, []int{1, 2, 3}) {
			t.Errorf("%s: out %v, want 3 as well, and 4 to wait", name, got)
		}
	}
}

// TestZoneCap: no zone goes out whole; another zone's host still may.
func TestZoneCap(t *testing.T) {
	p := DefaultPolicy()
	p.MaxEjectionPercent, p.MaxZoneEjectionPercent = 100, 50
	all := members(5)
	for i := range all {
		all[i].Zone = []string{"a", "a", "b", "b", "c"}[i]
	}
	f := newFleet(t, 0, p)
	f.SetClusters(start, []Cluster{{Name: "web", Policy: p, Members: all}})
	f.failAll(5)
	if got := f.out(5 * time.Second); !slices.Equal(got, []int{1, 3}) {
		t.Errorf("out: %v, want one of two of zones a and b, and none of the one of c", got)
	}
	f.wantRefused(5*time.Second, 2, RefusedMaxZonePercent)
	checkInvariants(t, f.Tracker)

	all[0].Zone = "b" // now 1 and 3 are out of 1, 3 and 4
	f.SetClusters(start.Add(6*time.Second), []Cluster{{Name: "web", Policy: p, Members: all}})
	if got := f.out(6 * time.Second); !slices.Equal(got, []int{3}) {
		t.Errorf("after host 1 moved to zone b, out: %v, want 3, which is out less long", got)
	}
	checkInvariants(t, f.Tracker)
}

// TestShadow: all is decided, counted, told and shown, nothing is published; enforcing publishes what is then true.
func TestShadow(t *testing.T) {
	p := DefaultPolicy()
	p.Enforce = false
	f := newFleet(t, 4, p)
	before := f.snapshot(0).Version
	f.Take()
	f.failAll(4)
	f.wantTold("in shadow",
		"1 host.ejected errors", "1 eject.refused shadow", "2 host.ejected errors", "2 eject.refused shadow",
		"3 eject.refused max_percent", "4 eject.refused max_percent", "web cluster.failing all_failing")
	s := f.snapshot(4 * time.Second)
	if s.Version != before || s.Out != 2 || s.Panic || s.Counters.Ejections[ReasonErrors] != 2 || s.Counters.Refusals[RefusedShadow] != 2 {
		t.Errorf("version %d (before %d), %d out, panic %v, counted %+v", s.Version, before, s.Out, s.Panic, s.Counters)
	}
	if got := f.out(4 * time.Second); got != nil {
		t.Errorf("in shadow published out: %v", got)
	}
	f.SetClusters(start.Add(5*time.Second), []Cluster{{Name: "web", Policy: DefaultPolicy(), Members: members(4)}})
	if got := f.out(5 * time.Second); !slices.Equal(got, []int{1, 2}) {
		t.Errorf("enforced, published out: %v", got)
	}
	f.SetClusters(start.Add(6*time.Second), []Cluster{{Name: "web", Policy: p, Members: members(4)}})
	if got := f.out(6 * time.Second); got != nil {
		t.Errorf("in shadow again, published out: %v", got)
	}
}

// TestShadowProbation: weights stay, and the steps pass as they would.
func TestShadowProbation(t *testing.T) {
	f := onProbation(t, func(p *Policy) { p.Enforce = false })
	f.wantVerdict(30*time.Second, 1, Probation)
	if got := f.host(30*time.Second, 1).PublishedWeight; got != 100 {
		t.Errorf("published weight %d, want 100", got)
	}
	f.wantVerdict(45*time.Second, 1, Healthy)
}

// TestOrdersHoldInShadow: an operator is not automation.
func TestOrdersHoldInShadow(t *testing.T) {
	p := DefaultPolicy()
	p.Enforce = false
	f := newFleet(t, 4, p)
	f.add(0, order("1", ActionEject, 2))
	if got := f.out(0); !slices.Equal(got, []int{2}) {
		t.Errorf("out: %v, want 2", got)
	}
}

// TestWholeClusterFailing: told once when it begins and once when a host has proved itself, and who is out returns on time.
func TestWholeClusterFailing(t *testing.T) {
	p := DefaultPolicy()
	p.RecoveryJitter = 0
	f := newFleet(t, 2, p)
	f.Take()
	f.answer(0, 1, 503, 50)
	f.answer(0, 2, 503, 50)
	f.wantTold("all fail", "1 host.ejected errors", "2 eject.refused max_percent", "web cluster.failing all_failing")
	for second := 1; second < 30; second++ {
		f.answer(time.Duration(second)*time.Second, 2, 503, 50)
	}
	f.wantTold("while all go on failing")
	f.Advance(start.Add(30 * time.Second))
	f.wantTold("when the first is back", "1 host.probation timer", "2 host.ejected errors")
	if !f.snapshot(30 * time.Second).Failing {
		t.Error("a host on probation ended the failure")
	}
	f.Advance(start.Add(45 * time.Second))
	f.wantTold("when the first has proved itself", "1 host.recovered timer", "web cluster.passed some_well")
}

func TestPanic(t *testing.T) {
	for _, tt := range []struct {
		threshold, hosts, out int
		want                  bool
	}{
		{50, 4, 2, false},
		{50, 4, 3, true},
		{50, 3, 2, true},
		{50, 1, 1, true},
		{0, 4, 4, false},
		{100, 100, 0, false},
		{100, 100, 1, true},
		{50, 0, 0, false},
	} {
		p := plain()
		p.PanicThreshold = tt.threshold
		f := newFleet(t, tt.hosts, p)
		f.failAll(tt.out)
		if got := f.snapshot(time.Second).Panic; got != tt.want {
			t.Errorf("threshold %d, %d of %d out: panic %v, want %v", tt.threshold, tt.out, tt.hosts, got, tt.want)
		}
	}
}

// TestOnlyWhatChangedIsPublished: errors, refusals and successes leave the version alone.
func TestOnlyWhatChangedIsPublished(t *testing.T) {
	f := newFleet(t, 2, DefaultPolicy())
	f.Take()
	before := f.snapshot(0).Version
	f.answer(0, 1, 503, 4)
	f.answer(0, 2, 200, 9)
	f.volumes(0, 2, 9)
	f.SetClusters(start, []Cluster{{Name: "web", Policy: DefaultPolicy(), Members: members(2)}})
	if got := f.Take().Clusters; got != nil || f.snapshot(0).Version != before {
		t.Errorf("changed clusters %v", got)
	}
	f.answer(0, 1, 503, 1)
	if got := f.Take().Clusters; !slices.Equal(got, []string{"web"}) || f.snapshot(0).Version != before+1 {
		t.Errorf("changed clusters %v, version %d, want web and %d", got, f.snapshot(0).Version, before+1)
	}
}
