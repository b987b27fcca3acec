package health

import (
	"testing"
	"time"
)

// onProbation is a fleet of four whose first host went out at the start and is due back 30 s later.
func onProbation(t *testing.T, change func(*Policy)) fleet {
	t.Helper()
	p := DefaultPolicy()
	p.RecoveryJitter = 0
	if change != nil {
		change(&p)
	}
	f := newFleet(t, 4, p)
	f.answer(0, 1, 503, p.ErrorThreshold)
	f.wantVerdict(0, 1, Ejected)
	return f
}

// TestProbationSteps: a quiet host climbs step by step, each instant inclusive.
func TestProbationSteps(t *testing.T) {
	f := onProbation(t, nil)
	for _, tt := range []struct {
		at      time.Duration
		verdict State
		weight  uint32
	}{
		{30 * time.Second, Probation, 10},
		{35*time.Second - 1, Probation, 10},
		{35 * time.Second, Probation, 25},
		{40 * time.Second, Probation, 50},
		{45*time.Second - 1, Probation, 50},
		{45 * time.Second, Healthy, 100},
	} {
		f.wantVerdict(tt.at, 1, tt.verdict)
		if h := f.host(tt.at, 1); h.Published != PublishedHealthy || h.PublishedWeight != tt.weight {
			t.Errorf("at %v published %v at weight %d, want HEALTHY at %d", tt.at, h.Published, h.PublishedWeight, tt.weight)
		}
	}
	if at, ok := f.Next(); ok {
		t.Errorf("something is still due at %v", at)
	}
}

// TestProbationWeights: never 0, which Envoy refuses, and never above the host's own.
func TestProbationWeights(t *testing.T) {
	for _, tt := range []struct{ own, percent, want int }{
		{1, 1, 1},
		{1, 50, 1},
		{3, 10, 1},
		{10, 25, 2},
		{100, 100, 100},
		{1 << 31, 100, 1 << 31},
		{1<<32 - 1, 50, 1<<31 - 1},
	} {
		p := DefaultPolicy()
		p.ProbationWeights, p.RecoveryJitter = []int{tt.percent}, 0
		all := members(2)
		all[0].Weight = uint32(tt.own)
		f := newFleet(t, 0, p)
		f.SetClusters(start, []Cluster{{Name: "web", Policy: p, Members: all}})
		f.answer(0, 1, 503, 5)
		f.wantVerdict(30*time.Second, 1, Probation)
		if got := f.host(30*time.Second, 1).PublishedWeight; int(got) != tt.want {
			t.Errorf("%d %% of %d is published as %d, want %d", tt.percent, tt.own, got, tt.want)
		}
	}
}

func TestProbationErrors(t *testing.T) {
	const s = time.Second
	type errors struct {
		at    time.Duration
		count int
	}
	for _, tt := range []struct {
		name   string
		policy func(*Policy)
		in     []errors
		at     time.Duration
		want   State
	}{
		{name: "one error is not enough", in: []errors{{31 * s, 1}}, at: 44 * s, want: Probation},
		{name: "the second ejects", in: []errors{{31 * s, 1}, {44 * s, 1}}, at: 44 * s, want: Ejected},
		{name: "both at the instant of return", in: []errors{{30 * s, 2}}, at: 30 * s, want: Ejected},
		{name: "errors from before do not count", in: []errors{{30*s - 1, 9}, {30 * s, 1}}, at: 30 * s, want: Probation},
		{
			name: "a threshold above error_threshold is error_threshold",
			policy: func(p *Policy) {
				p.ErrorThreshold, p.ProbationErrorThreshold = 2, 9
			},
			in: []errors{{31 * s, 2}}, at: 31 * s, want: Ejected,
		},
		{
			name: "a window shorter than a step holds here too", policy: func(p *Policy) { p.Window = s },
			in: []errors{{31 * s, 1}, {33 * s, 1}}, at: 33 * s, want: Probation,
		},
		{name: "what probation forgave does not carry over", in: []errors{{44 * s, 1}, {46 * s, 4}}, at: 46 * s, want: Healthy},
		{name: "at full weight the full threshold holds", in: []errors{{44 * s, 1}, {46 * s, 5}}, at: 46 * s, want: Ejected},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := onProbation(t, tt.policy)
			for _, in := range tt.in {
				f.answer(in.at, 1, 503, in.count)
			}
			f.wantVerdict(tt.at, 1, tt.want)
			checkInvariants(t, f.Tracker)
		})
	}
}

// TestReloadDuringProbation: I4. Whatever a reload makes of the steps, probation ends when the new ones are over.
func TestReloadDuringProbation(t *testing.T) {
	for _, tt := range []struct {
		name    string
		step    time.Duration
		weights []int
		ends    time.Duration
	}{
		{"longer steps", time.Minute, []int{10, 25, 50}, 30*time.Second + 3*time.Minute},
		{"shorter steps", 2 * time.Second, []int{10, 25, 50}, 36 * time.Second},
		{"steps already over", time.Second, []int{10, 25, 50}, 33 * time.Second},
		{"fewer steps", 5 * time.Second, []int{10}, 35 * time.Second},
		{"more steps", 5 * time.Second, []int{10, 20, 30, 40, 50}, 55 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := onProbation(t, nil)
			f.wantVerdict(31*time.Second, 1, Probation)
			p := DefaultPolicy()
			p.ProbationStep, p.ProbationWeights = tt.step, tt.weights
			f.SetClusters(start.Add(31*time.Second), []Cluster{{Name: "web", Policy: p, Members: members(4)}})
			if got := f.host(31*time.Second, 1).Until.Sub(start); got != tt.ends {
				t.Errorf("probation is said to end at %v, want %v", got, tt.ends)
			}
			f.wantVerdict(tt.ends-1, 1, Probation)
			f.wantVerdict(tt.ends, 1, Healthy)
			checkInvariants(t, f.Tracker)
		})
	}
}

// TestWantsOutliveProbation: an ejection refused in probation is wanted after it only by as many errors as that takes.
func TestWantsOutliveProbation(t *testing.T) {
	for count, want := range map[int]Reason{2: "", 5: RefusedPaused} {
		f := onProbation(t, nil)
		f.add(31*time.Second, order("1", ActionPause))
		f.answer(40*time.Second, 1, 503, count)
		f.wantRefused(44*time.Second, 1, RefusedPaused)
		f.wantRefused(45*time.Second, 1, want)
		f.wantRefused(70*time.Second+1, 1, "")
		checkInvariants(t, f.Tracker)
	}
}
