package health

import (
	"net/netip"
	"slices"
	"strconv"
	"testing"
	"time"
)

// failAll ejects, or tries to eject, hosts 1 to n in this order, a second apart.
func (f fleet) failAll(n int) {
	for i := range n {
		f.answer(time.Duration(i)*time.Second, i+1, 503, f.clusters["web"].policy.ErrorThreshold)
	}
}

func (f fleet) snapshot(at time.Duration) Snapshot {
	f.t.Helper()
	s, ok := f.Snapshot(start.Add(at), "web")
	if !ok {
		f.t.Fatal("no cluster web")
	}
	return s
}

// out lists the hosts that are published UNHEALTHY.
func (f fleet) out(at time.Duration) (hosts []int) {
	f.Advance(start.Add(at))
	for i, h := range f.snapshot(at).Hosts {
		if h.Published == PublishedUnhealthy {
			hosts = append(hosts, i+1)
		}
	}
	return hosts
}

func TestCaps(t *testing.T) {
	for _, tt := range []struct {
		name   string
		hosts  int
		policy func(*Policy)
		want   int // out, when all fail
		reason Reason
	}{
		{name: "half of 1 is none", hosts: 1, want: 0, reason: RefusedMaxPercent},
		{name: "half of 2 is one", hosts: 2, want: 1, reason: RefusedMaxPercent},
		{name: "half of 3 is one", hosts: 3, want: 1, reason: RefusedMaxPercent},
		{name: "half of 4 is two", hosts: 4, want: 2, reason: RefusedMaxPercent},
		{name: "a third of 100 is 33", hosts: 100, policy: func(p *Policy) { p.MaxEjectionPercent = 33 }, want: 33, reason: RefusedMaxPercent},
		{name: "0 percent is none", hosts: 9, policy: func(p *Policy) { p.MaxEjectionPercent = 0 }, want: 0, reason: RefusedMaxPercent},
		{name: "100 percent, one stays", hosts: 5, policy: func(p *Policy) { p.MaxEjectionPercent = 100 }, want: 4, reason: RefusedMinHealthy},
		{
			name: "three stay", hosts: 5, want: 2, reason: RefusedMinHealthy,
			policy: func(p *Policy) { p.MaxEjectionPercent, p.MinHealthyHosts = 100, 3 },
		},
		{
			name: "half of the one zone", hosts: 4, want: 2, reason: RefusedMaxZonePercent,
			policy: func(p *Policy) { p.MaxEjectionPercent, p.MaxZoneEjectionPercent = 100, 50 },
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := DefaultPolicy()
			p.Window = time.Hour
			if tt.policy != nil {
				tt.policy(&p)
			}
			p.RecoveryTime, p.RecoveryTimeMax = time.Hour, time.Hour
			f := newFleet(t, tt.hosts, p)
			f.failAll(tt.hosts)
			s := f.snapshot(time.Duration(tt.hosts) * time.Second)
			if s.Out != tt.want || s.Counters.Refusals[tt.reason] != uint64(tt.hosts-tt.want) || !s.Failing {
				t.Errorf("%d out, refused %v, failing %v; want %d out, the others for %s", s.Out, s.Counters.Refusals, s.Failing, tt.want, tt.reason)
			}
		})
	}
}

func TestRoomGoesToTheOldestWant(t *testing.T) {
	p := DefaultPolicy()
	p.Window, p.RecoveryJitter = time.Hour, 0
	f := newFleet(t, 4, p)
	f.failAll(4) // 1 and 2 are out, 3 and 4 wait
	if got := f.out(29 * time.Second); !slices.Equal(got, []int{1, 2}) {
		t.Fatalf("out: %v", got)
	}
	if got := f.out(30 * time.Second); !slices.Equal(got, []int{2, 3}) {
		t.Errorf("when host 1 is back, out: %v, want 3 in its place", got)
	}
	if got := f.out(31 * time.Second); !slices.Equal(got, []int{3, 4}) {
		t.Errorf("when host 2 is back, out: %v, want 4 in its place", got)
	}
}

func TestShrinkingBringsTheLongestOutBack(t *testing.T) {
	f := newFleet(t, 8, DefaultPolicy())
	f.failAll(4)
	f.SetClusters(start.Add(5*time.Second), []Cluster{{Name: "web", Policy: DefaultPolicy(), Members: members(6)}})
	if got := f.out(5 * time.Second); !slices.Equal(got, []int{2, 3, 4}) {
		t.Errorf("of six hosts out: %v, want 2 to 4", got)
	}
	p := DefaultPolicy()
	p.MaxEjectionPercent = 20
	f.SetClusters(start.Add(6*time.Second), []Cluster{{Name: "web", Policy: p, Members: members(6)}})
	if got := f.out(6 * time.Second); !slices.Equal(got, []int{4}) {
		t.Errorf("at 20 percent out: %v, want 4", got)
	}
}

// TestAWantKeepsItsAge: the first host wanted out goes out first, although it was refused for another reason then.
func TestAWantKeepsItsAge(t *testing.T) {
	p := DefaultPolicy()
	p.MinReporters, p.MaxEjectionPercent, p.RecoveryJitter = 2, 25, 0
	f := newFleet(t, 4, p)
	f.seen(0, 1, "a", "a", "b", "b", "b")
	f.seen(5*time.Second, 3, "a", "a", "a", "a", "a") // the quorum is missing
	f.seen(6*time.Second, 2, "a", "a", "b", "b", "b") // the cap is reached
	f.seen(7*time.Second, 3, "b")                     // now it is the cap here, too
	f.wantRefused(7*time.Second, 3, RefusedMaxPercent)
	if got := f.out(30 * time.Second); !slices.Equal(got, []int{3}) {
		t.Errorf("when host 1 is back, out: %v, want 3", got)
	}
}

// TestAHigherFloorBringsHostsBack: min_healthy_hosts shrinks the room as the percentage does.
func TestAHigherFloorBringsHostsBack(t *testing.T) {
	p := DefaultPolicy()
	p.MaxEjectionPercent = 100
	f := newFleet(t, 4, p)
	f.failAll(3)
	p.MinHealthyHosts = 3
	f.SetClusters(start.Add(5*time.Second), []Cluster{{Name: "web", Policy: p, Members: members(4)}})
	if got := f.out(5 * time.Second); !slices.Equal(got, []int{3}) {
		t.Errorf("out: %v, want 3", got)
	}
}

func TestOrdersCountTowardsTheCapAndAreNeverUndone(t *testing.T) {
	f := newFleet(t, 4, DefaultPolicy())
	f.failAll(2)
	order := Override{
		ID: "1", Cluster: "web", Hosts: []netip.AddrPort{address(3), address(4)}, Action: ActionEject,
		CreatedBy: "ann", Comment: "x", EndsAt: start.Add(time.Hour),
	}
	if err := f.AddOverride(start.Add(2*time.Second), order, true); err != nil {
		t.Fatal(err)
	}
	if got := f.out(2 * time.Second); !slices.Equal(got, []int{3, 4}) {
		t.Errorf("out: %v, want those ordered, and the automatic ones back", got)
	}
	f.answer(3*time.Second, 1, 503, 9)
	f.wantRefused(3*time.Second, 1, RefusedMaxPercent)
}

// TestAnOrderLeavesTheVerdictAlone: the cap undoes no verdict whose host would stay out by an order anyway.
func TestAnOrderLeavesTheVerdictAlone(t *testing.T) {
	f := newFleet(t, 4, DefaultPolicy())
	f.answer(0, 1, 503, 5)
	for i := range 3 {
		f.add(time.Second, order(strconv.Itoa(i), ActionEject, i+1))
	}
	f.wantVerdict(2*time.Second, 1, Ejected)
}

// TestReloadTakesProbationAway: a host in a step that its policy no longer has is at full weight.
func TestReloadTakesProbationAway(t *testing.T) {
	f := newFleet(t, 4, DefaultPolicy())
	f.answer(0, 1, 503, 5)
	f.wantVerdict(34*time.Second, 1, Probation)
	p := DefaultPolicy()
	p.ProbationWeights = nil
	f.SetClusters(start.Add(34*time.Second), []Cluster{{Name: "web", Policy: p, Members: members(4)}})
	f.wantVerdict(34*time.Second, 1, Healthy)
	checkInvariants(t, f.Tracker)
}
