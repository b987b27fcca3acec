package health

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// forbidding lists the rules that do not allow host n's ejection.
func (f fleet) forbidding(at time.Duration, n int) (names []string) {
	s := f.snapshot(at)
	for _, r := range Explain(&s, n-1) {
		if !r.Allows {
			names = append(names, r.Name)
		}
	}
	return names
}

func TestExplain(t *testing.T) {
	for _, tt := range []struct {
		name    string
		policy  func(*Policy)
		happens func(f fleet)
		want    []string // the rules that forbid host 1's ejection
		outlook string
	}{
		{
			name: "two errors", happens: func(f fleet) { f.answer(0, 1, 503, 2) }, want: []string{"error_threshold"},
			outlook: "in; 3 more errors within 30s would eject it, if the other rules allow it",
		},
		{
			name: "out", happens: func(f fleet) { f.answer(0, 1, 503, 5) }, want: []string{"verdict", "error_threshold"},
			outlook: "out for another 30s: 5 errors in 0s (5 x 503), seen by envoy-a (rule errors >= 5), 1st ejection, back at 12:00:30",
		},
		{
			name: "the cap", policy: func(p *Policy) { p.MaxEjectionPercent = 20 }, want: []string{"max_ejection_percent"},
			happens: func(f fleet) { f.answer(0, 1, 503, 5) },
			outlook: "its ejection is wanted and refused: as many hosts are out as max_ejection_percent allows",
		},
		{
			name: "every cap", policy: func(p *Policy) { p.MaxEjectionPercent, p.MaxZoneEjectionPercent, p.MinHealthyHosts = 0, 0, 4 },
			happens: func(f fleet) { f.answer(0, 1, 503, 5) },
			want:    []string{"max_ejection_percent", "min_healthy_hosts", "max_zone_ejection_percent"},
		},
		{
			name: "too little evidence", policy: func(p *Policy) { p.MinReporters, p.MinRequests, p.FailurePercent = 2, 100, 50 },
			happens: func(f fleet) { f.seen(0, 2, "b"); f.volumes(0, 1, 99); f.answer(0, 1, 503, 5) },
			want:    []string{"min_requests", "failure_percent", "min_reporters"},
		},
		{
			name: "orders",
			happens: func(f fleet) {
				f.add(0, order("1", ActionKeep, 1))
				f.add(0, order("2", ActionPause))
				f.answer(0, 1, 503, 5)
			},
			want: []string{"pause", "override"}, outlook: "ann orders keep for another 1h0m0s: x",
		},
		{
			name: "a threshold that a reload lowered", want: nil,
			happens: func(f fleet) {
				f.answer(0, 1, 503, 4)
				p := DefaultPolicy()
				p.ErrorThreshold = 2
				f.SetClusters(start, []Cluster{{Name: "web", Policy: p, Members: members(4)}})
			},
			outlook: "in; 1 more errors within 30s would eject it, if the other rules allow it",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := DefaultPolicy()
			p.RecoveryJitter = 0
			if tt.policy != nil {
				tt.policy(&p)
			}
			f := newFleet(t, 4, p)
			tt.happens(f)
			if got := f.forbidding(0, 1); !slices.Equal(got, tt.want) {
				t.Errorf("forbidden by %v, want %v", got, tt.want)
			}
			s := f.snapshot(0)
			if got := Outlook(&s, 0); tt.outlook != "" && got != tt.outlook {
				t.Errorf("outlook\n%s, want\n%s", got, tt.outlook)
			}
		})
	}
}

// TestExplainInProbation: its own threshold, and no demand for many requests.
func TestExplainInProbation(t *testing.T) {
	f := onProbation(t, func(p *Policy) { p.ProbationWeights, p.ProbationStep = []int{10}, time.Minute })
	f.answer(31*time.Second, 1, 503, 1)
	if got := f.forbidding(31*time.Second, 1); !slices.Equal(got, []string{"probation_error_threshold"}) {
		t.Errorf("forbidden by %v", got)
	}
	s := f.snapshot(31 * time.Second)
	if got, want := Outlook(&s, 0), "in at 10 of 100 weight; at full weight in 59s if it does well"; got != want {
		t.Errorf("outlook\n%s, want\n%s", got, want)
	}
}

// TestExplainAgreesWithTheVerdict: after any events, an error ejects a host if no rule forbade it, and where it wants it
// out and is refused, a rule says why.
func TestExplainAgreesWithTheVerdict(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := &generator{T: t, now: start}
		tr := NewTracker()
		tr.SetClusters(start, g.clusters())
		for range rapid.IntRange(1, 60).Draw(t, "events") {
			e := g.event()
			e.apply(tr, e.at)
			for _, name := range tr.Clusters() {
				s, _ := tr.Snapshot(e.at, name)
				for i := range s.Hosts {
					explainAgrees(t, tr, &s, i)
				}
			}
		}
	})
}

func explainAgrees(t *rapid.T, tr *Tracker, s *Snapshot, i int) {
	h := tr.hosts[s.Hosts[i].Host]
	threshold, _ := h.threshold()
	wanted := h.state != Ejected && !h.isOut() && h.window.holds(threshold, s.At, s.Policy.Window)
	var forbidding []string
	for _, r := range Explain(s, i) {
		if !r.Allows && r.Name != "enforce" { // a verdict is made in shadow too
			forbidding = append(forbidding, r.Name)
		}
	}
	refused := h.cluster.refusal(h, s.At)
	if wanted && (refused == "") != (len(forbidding) == 0) {
		t.Fatalf("%v is refused for %q, but the rules that forbid it are: %s", h.id, refused, strings.Join(forbidding, ", "))
	}
	if Outlook(s, i) == "" {
		t.Fatalf("no outlook for %v", h.id)
	}
}
