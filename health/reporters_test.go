package health

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

func TestReporters(t *testing.T) {
	five := []string{"a", "b", "c", "d", "e"}
	for _, tt := range []struct {
		name   string
		active []string // send traffic
		seen   []string // an error each
		want   State
	}{
		{"one liar of five", five, slices.Repeat([]string{"a"}, 1000), Healthy},
		{"two of five", five, []string{"a", "a", "a", "a", "b"}, Healthy},
		{"three of five", five, []string{"a", "a", "a", "b", "c"}, Ejected},
		{"the only two that send traffic", []string{"a", "b"}, []string{"a", "a", "a", "a", "b"}, Ejected},
		{"one of the only two", []string{"a", "b"}, []string{"a", "a", "a", "a", "a"}, Healthy},
		{"the only one", nil, []string{"a", "a", "a", "a", "a"}, Ejected},
		{"nameless ones are nobody", five, []string{"", "", "", "", "", "", "", ""}, Healthy},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := DefaultPolicy()
			p.MinReporters = 3
			f := newFleet(t, 4, p)
			for _, name := range tt.active {
				f.Record(start, Observation{Host: web(2), Reporter: name, Status: 200})
			}
			f.seen(0, 1, tt.seen...)
			f.wantVerdict(0, 1, tt.want)
			if tt.want == Healthy {
				f.wantRefused(0, 1, RefusedQuorum)
			}
		})
	}
}

func TestANoisyReporterPushesNobodyOut(t *testing.T) {
	r := newReporters(2)
	for i := range 100 {
		r.add(fmt.Sprint("envoy-", i), start, time.Minute)
		r.add("noisy", start, time.Minute)
	}
	if got := r.count(start, time.Minute); got != MaxReporters || len(r.places) != MaxReporters {
		t.Errorf("%d Envoys in %d places, want %d in as many", got, len(r.places), MaxReporters)
	}
	if r.places[0].name != "envoy-0" {
		t.Errorf("the first place went to %s", r.places[0].name)
	}
	later := start.Add(time.Minute + 1)
	r.add("late", later, time.Minute)
	if got := r.count(later, time.Minute); got != 1 {
		t.Errorf("%d Envoys in the window, want the late one alone", got)
	}
}

func TestReportersOutsideTheWindow(t *testing.T) {
	p := DefaultPolicy()
	p.MinReporters = 2
	f := newFleet(t, 4, p)
	f.seen(0, 1, "a", "b")
	f.Record(start.Add(20*time.Second), Observation{Host: web(2), Reporter: "c", Status: 200})
	f.seen(31*time.Second, 1, "a", "a", "a", "a", "a")
	f.wantRefused(31*time.Second, 1, RefusedQuorum)
	f.seen(51*time.Second, 1, "a") // 31 s after c was last heard
	f.wantVerdict(51*time.Second, 1, Ejected)
}

// TestOutcomes: which count, by which switch, and how they are named.
