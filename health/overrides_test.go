package health

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// order is a complete override of the given hosts, all of them if none are given, for an hour.
func order(id string, action Action, hosts ...int) Override {
	o := Override{ID: id, Cluster: "web", Action: action, CreatedBy: "ann", Comment: "x", EndsAt: start.Add(time.Hour)}
	for _, n := range hosts {
		o.Hosts = append(o.Hosts, address(n))
	}
	return o
}

// add adds an override that must be taken.
func (f fleet) add(at time.Duration, o Override) {
	f.t.Helper()
	if err := f.AddOverride(start.Add(at), o, false); err != nil {
		f.t.Fatalf("override %s: %v", o.ID, err)
	}
}

func (f fleet) end(at time.Duration, id string) {
	f.t.Helper()
	if err := f.EndOverride(start.Add(at), id); err != nil {
		f.t.Fatalf("end of override %s: %v", id, err)
	}
}

func TestEjectOrder(t *testing.T) {
	f := newFleet(t, 4, DefaultPolicy())
	f.add(0, order("1", ActionEject, 1))
	if h := f.host(0, 1); h.Published != PublishedUnhealthy || h.Verdict != Healthy {
		t.Errorf("published %v, verdict %v; want UNHEALTHY over a healthy verdict", h.Published, h.Verdict)
	}
	f.answer(time.Second, 1, 503, 9) // in flight
	if h := f.host(time.Second, 1); h.Verdict != Healthy || h.WindowErrors != 0 || h.TotalErrors != 9 {
		t.Errorf("verdict %v, %d errors in the window, %d in all; want healthy, 0, 9", h.Verdict, h.WindowErrors, h.TotalErrors)
	}
	if got := f.out(time.Hour - 1); !slices.Equal(got, []int{1}) {
		t.Errorf("just before its end out: %v", got)
	}
	if got := f.out(time.Hour); got != nil {
		t.Errorf("at its end out: %v", got)
	}
}

// TestKeepOrder: the host stays in, the verdict beneath goes its own way, and holds again when the order ends.
func TestKeepOrder(t *testing.T) {
	p := DefaultPolicy()
	p.RecoveryJitter, p.RecoveryTime = 0, 10*time.Minute
	p.RecoveryTimeMax = p.RecoveryTime
	f := newFleet(t, 4, p)
	f.answer(0, 1, 503, 5)
	f.add(time.Second, order("1", ActionKeep, 1, 2))
	h := f.host(time.Second, 1)
	if h.Verdict != Ejected || h.Published != PublishedHealthy || h.PublishedWeight != 100 {
		t.Errorf("%v, published %v at %d; want ejected beneath HEALTHY at 100", h.Verdict, h.Published, h.PublishedWeight)
	}
	f.answer(2*time.Second, 2, 503, 9)
	if h := f.host(2*time.Second, 2); h.Verdict != Healthy || h.Refused == nil || h.Refused.Reason != RefusedOverride {
		t.Errorf("%v, refused %+v; want a refusal for the override", h.Verdict, h.Refused)
	}
	f.end(3*time.Second, "1")
	if got := f.out(3 * time.Second); !slices.Equal(got, []int{1, 2}) {
		t.Errorf("after the order out: %v, want 1 by its verdict and 2 by its want", got)
	}
	f.wantVerdict(p.RecoveryTime, 1, Probation) // its own deadline, not one that the order moved
}

// TestKeepOrderInProbation: the full weight, and the probation beneath ends on time.
func TestKeepOrderInProbation(t *testing.T) {
	f := onProbation(t, nil)
	f.add(31*time.Second, order("1", ActionKeep, 1))
	if h := f.host(31*time.Second, 1); h.Verdict != Probation || h.PublishedWeight != 100 {
		t.Errorf("%v at weight %d, want probation at 100", h.Verdict, h.PublishedWeight)
	}
	f.wantVerdict(45*time.Second, 1, Healthy)
}

func TestPause(t *testing.T) {
	for _, cluster := range []string{"web", ""} {
		f := newFleet(t, 4, DefaultPolicy())
		f.answer(0, 1, 503, 5)
		o := order("1", ActionPause)
		o.Cluster, o.EndsAt = cluster, start.Add(40*time.Second)
		f.add(time.Second, o)
		f.answer(20*time.Second, 2, 503, 9)
		if s := f.snapshot(20 * time.Second); !s.Paused || s.Hosts[1].Refused == nil || s.Hosts[1].Refused.Reason != RefusedPaused {
			t.Errorf("cluster %q: paused %v, host 2 refused %+v", cluster, s.Paused, s.Hosts[1].Refused)
		}
		if got := f.out(39 * time.Second); got != nil {
			t.Errorf("cluster %q: out %v; what is out must come back on time", cluster, got)
		}
		if got := f.out(40 * time.Second); !slices.Equal(got, []int{2}) {
			t.Errorf("cluster %q: out %v at its end, want 2, which is still wanted out", cluster, got)
		}
	}
}

func TestTheNewestWordHolds(t *testing.T) {
	f := newFleet(t, 4, DefaultPolicy())
	f.add(0, order("1", ActionEject, 1, 2))
	short := order("2", ActionKeep, 1)
	short.EndsAt = start.Add(time.Minute)
	f.add(time.Second, short)
	if got := f.out(time.Second); !slices.Equal(got, []int{2}) {
		t.Errorf("out: %v, want 2", got)
	}
	if got := f.out(time.Minute); !slices.Equal(got, []int{1, 2}) {
		t.Errorf("when the newer word is over, out: %v, want 1 and 2 by the older", got)
	}
}

func TestTheLastHealthyHost(t *testing.T) {
	f := newFleet(t, 2, DefaultPolicy())
	f.answer(0, 1, 503, 5)
	for name, o := range map[string]Override{"the last one": order("1", ActionEject, 2), "all": order("1", ActionEject)} {
		if err := f.AddOverride(start, o, false); !errors.Is(err, ErrLastHealthy) {
			t.Errorf("%s: error %v, want ErrLastHealthy", name, err)
		}
	}
	if got := f.Overrides(); len(got) != 0 {
		t.Errorf("refused overrides are kept: %v", got)
	}
	f.add(0, order("2", ActionEject, 1)) // it is out already, and the other one stays
	if err := f.AddOverride(start, order("3", ActionEject), true); err != nil {
		t.Errorf("by force: %v", err)
	}
	if got := f.out(0); !slices.Equal(got, []int{1, 2}) {
		t.Errorf("by force out: %v", got)
	}
}

func TestFaultsOfOverrides(t *testing.T) {
	f := newFleet(t, 4, DefaultPolicy())
	f.add(0, order("taken", ActionKeep, 1))
	for _, tt := range []struct {
		name string
		o    Override
		keys []string
	}{
		{"all at once", Override{}, []string{"id", "cluster", "action", "created_by", "comment", "ends_at"}},
		{"an id that is taken", order("taken", ActionKeep), []string{"id"}},
		{"an unknown action", order("1", "drain"), []string{"action"}},
		{"unknown hosts", order("1", ActionKeep, 1, 8, 9), []string{"hosts", "hosts"}},
		{"a pause of hosts", order("1", ActionPause, 1), []string{"hosts"}},
		{
			"every cluster, but not a pause",
			Override{ID: "1", Action: ActionKeep, CreatedBy: "ann", Comment: "x", EndsAt: start.Add(1)},
			[]string{"cluster"},
		},
		{"an end now", Override{ID: "1", Cluster: "web", Action: ActionKeep, CreatedBy: "ann", Comment: "x", EndsAt: start}, []string{"ends_at"}},
	} {
		err := f.AddOverride(start, tt.o, false)
		if got := keys(err); !slices.Equal(got, tt.keys) {
			t.Errorf("%s: faults of %v, want %v: %v", tt.name, got, tt.keys, err)
		}
	}
}

// keys lists what joined FieldErrors are about.
func keys(err error) (found []string) {
	all, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return nil
	}
	for _, part := range all.Unwrap() {
		if fault, ok := errors.AsType[*FieldError](part); ok {
			found = append(found, fault.Key)
		}
	}
	return found
}

// TestEndedOverridesCanBeReadForADay: and no longer, whichever way they ended.
// TestOverridesAreBounded: I6. Ended ones make room for new ones, active ones do not.
// TestOverridesAreTold: who, until when, why, and how it ended.
// TestOverridesBelongToTheTracker: what a caller does to its hosts afterwards changes nothing.
