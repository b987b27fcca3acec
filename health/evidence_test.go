package health

import (
	"slices"
	"testing"
	"time"
)

// volumes records finished requests of a host, as a load report does.
func (f fleet) volumes(at time.Duration, n, requests int) {
	f.Record(start.Add(at), Observation{Host: web(n), Reporter: "envoy-a", Outcome: Volume, Requests: requests})
}

// seen records one 503 of host n for each of the Envoys.
func (f fleet) seen(at time.Duration, n int, by ...string) {
	for _, name := range by {
		f.Record(start.Add(at), Observation{Host: web(n), Reporter: name, Status: 503})
	}
}

// wantRefused compares why host n is in although its errors want it out; "" for no such want.
func (f fleet) wantRefused(at time.Duration, n int, want Reason) {
	f.t.Helper()
	f.Advance(start.Add(at))
	var got Reason
	if r := f.host(at, n).Refused; r != nil {
		got = r.Reason
	}
	if got != want {
		f.t.Errorf("at %v host %d is refused for %q, want %q", at, n, got, want)
	}
}

func TestRatio(t *testing.T) {
	for _, tt := range []struct {
		name             string
		requests, errors int
		want             State
		refused          Reason
	}{
		{name: "2 percent", requests: 500, errors: 10, want: Healthy, refused: RefusedRatio},
		{name: "just below 20 percent", requests: 51, errors: 10, want: Healthy, refused: RefusedRatio},
		{name: "20 percent, inclusive", requests: 50, errors: 10, want: Ejected},
		{name: "30 percent, but too few errors", requests: 13, errors: 4, want: Healthy},
		{name: "more errors than requests are known", requests: 6, errors: 10, want: Healthy, refused: RefusedMinRequests},
		{name: "each error was a request, reported or not", requests: 6, errors: 11, want: Ejected},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := DefaultPolicy()
			p.FailurePercent, p.MinRequests = 20, 11
			f := newFleet(t, 4, p)
			f.volumes(0, 1, tt.requests)
			f.answer(0, 1, 503, tt.errors)
			f.wantVerdict(0, 1, tt.want)
			f.wantRefused(0, 1, tt.refused)
		})
	}
}

// TestTheBusiestHostIsNotTheWorst: under a ratio, three times the traffic with the same share of errors ejects nobody.
func TestTheBusiestHostIsNotTheWorst(t *testing.T) {
	p := DefaultPolicy()
	p.FailurePercent = 20
	f := newFleet(t, 4, p)
	for second := range 60 {
		at := time.Duration(second) * time.Second
		for n, requests := range map[int]int{1: 300, 2: 100, 3: 100, 4: 10} {
			f.volumes(at, n, requests)
			f.answer(at, n, 503, map[int]int{1: 6, 2: 2, 3: 2, 4: 3}[n])
		}
	}
	if got := f.out(60 * time.Second); !slices.Equal(got, []int{4}) {
		t.Errorf("out: %v, want 4, which fails 30 %%", got)
	}
}

// TestVolumeThatComesLater: an ejection that lacked requests happens when a load report brings them.
func TestVolumeThatComesLater(t *testing.T) {
	p := DefaultPolicy()
	p.MinRequests = 100
	f := newFleet(t, 4, p)
	f.answer(0, 1, 503, 9)
	f.wantRefused(0, 1, RefusedMinRequests)
	f.volumes(time.Second, 1, 99)
	f.wantRefused(time.Second, 1, RefusedMinRequests)
	f.volumes(2*time.Second, 1, 1)
	f.wantVerdict(2*time.Second, 1, Ejected)
	if h := f.host(2*time.Second, 1); h.Last.Evidence.Requests != 100 {
		t.Errorf("the evidence names %d requests, want 100", h.Last.Evidence.Requests)
	}
}

// TestProbationAsksForNoVolume: a host at a tenth of its weight has few requests by intent.
func TestProbationAsksForNoVolume(t *testing.T) {
	p := DefaultPolicy()
	p.MinRequests, p.RecoveryJitter = 100, 0
	f := newFleet(t, 4, p)
	f.volumes(0, 1, 100)
	f.answer(0, 1, 503, 5)
	f.wantVerdict(31*time.Second, 1, Probation)
	f.answer(31*time.Second, 1, 503, 2)
	f.wantVerdict(31*time.Second, 1, Ejected)
}

// TestAReturnBeginsARatioAnew: what ejected a host once does not weigh on its probation.
func TestAReturnBeginsARatioAnew(t *testing.T) {
	p := DefaultPolicy()
	p.FailurePercent, p.RecoveryTime, p.RecoveryTimeMax, p.RecoveryJitter = 50, 5*time.Second, 5*time.Second, 0
	f := newFleet(t, 4, p)
	f.answer(0, 1, 503, 5)
	f.wantVerdict(5*time.Second, 1, Probation)
	f.volumes(6*time.Second, 1, 6)
	f.answer(6*time.Second, 1, 503, 2) // 2 of 6
	f.wantRefused(6*time.Second, 1, RefusedRatio)
}

// TestHugeVolumesOverflowNothing: I5. A doubtful volume makes a share smaller, never larger.
func TestHugeVolumesOverflowNothing(t *testing.T) {
	p := DefaultPolicy()
	p.FailurePercent = 20
	f := newFleet(t, 4, p)
	f.volumes(0, 1, 1<<32-1)
	f.volumes(0, 1, 1)
	f.volumes(0, 1, 1<<62)
	f.volumes(0, 1, -1<<62)
	f.answer(0, 1, 503, 20)
	f.wantRefused(0, 1, RefusedRatio)
}

// TestAnotherWindowKeepsTheVolume: I5. A reload that changes the window does not make the errors look like all there was.
func TestAnotherWindowKeepsTheVolume(t *testing.T) {
	for _, window := range []time.Duration{15 * time.Second, 29 * time.Second, time.Minute} {
		p := DefaultPolicy()
		p.FailurePercent = 20
		f := newFleet(t, 4, p)
		f.volumes(8*time.Second, 1, 1000)
		f.answer(8*time.Second, 1, 503, 4)
		p.Window = window
		f.SetClusters(start.Add(10*time.Second), []Cluster{{Name: "web", Policy: p, Members: members(4)}})
		f.answer(10*time.Second, 1, 503, 1)
		f.wantRefused(10*time.Second, 1, RefusedRatio)
		if h := f.host(10*time.Second, 1); h.WindowRequests != 1000 || h.WindowFailures != 5 {
			t.Errorf("in a window of %v %d of %d requests failed, want 5 of 1000", window, h.WindowFailures, h.WindowRequests)
		}
	}
}

// TestANoisyReporterPushesNobodyOut: I6. MaxReporters places, one each; a fleet larger than that still has its quorum.
// TestReportersOutsideTheWindow: their errors have aged, and so has their word; and who is silent no longer counts as active.
