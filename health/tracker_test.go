package health

import (
	"testing"
	"time"
)

func TestEjection(t *testing.T) {
	const s = time.Second
	type answers struct {
		at           time.Duration
		host, status int
		count        int
	}
	for _, tt := range []struct {
		name   string
		policy func(*Policy)
		in     []answers
		at     time.Duration
		want   State // of host 1
	}{
		{name: "four errors", in: []answers{{0, 1, 503, 4}}, want: Healthy},
		{name: "the fifth error", in: []answers{{0, 1, 503, 5}}, want: Ejected},
		{name: "each default status counts", in: []answers{{0, 1, 500, 1}, {0, 1, 502, 1}, {0, 1, 503, 1}, {0, 1, 504, 2}}, want: Ejected},
		{name: "an error exactly window old counts", in: []answers{{0, 1, 503, 1}, {30 * s, 1, 503, 4}}, at: 30 * s, want: Ejected},
		{name: "an error just older does not", in: []answers{{0, 1, 503, 1}, {30*s + 1, 1, 503, 4}}, at: 31 * s, want: Healthy},
		{name: "statuses not listed", in: []answers{{0, 1, 501, 9}, {0, 1, 404, 9}, {0, 1, 505, 9}, {0, 1, 599, 9}}, want: Healthy},
		{name: "no statuses at all", in: []answers{{0, 1, 0, 9}, {0, 1, -1, 9}, {0, 1, 1 << 40, 9}}, want: Healthy},
		{name: "a success clears nothing", in: []answers{{0, 1, 503, 4}, {s, 1, 200, 100}, {2 * s, 1, 503, 1}}, at: 2 * s, want: Ejected},
		{name: "hosts are apart", in: []answers{{0, 1, 503, 4}, {0, 2, 503, 5}}, want: Healthy},
		{
			name: "threshold 1", policy: func(p *Policy) { p.ErrorThreshold = 1 },
			in: []answers{{0, 1, 503, 1}}, want: Ejected,
		},
		{
			name: "recovery 0", policy: func(p *Policy) { p.RecoveryTime, p.RecoveryTimeMax = 0, 0 },
			in: []answers{{0, 1, 503, 5}}, want: Healthy,
		},
		{
			name: "another status list", policy: func(p *Policy) { p.ErrorStatusCodes = Statuses(429) },
			in: []answers{{0, 1, 503, 9}, {0, 1, 429, 4}}, want: Healthy,
		},
		{name: "just before recovery_time", in: []answers{{s, 1, 503, 5}}, at: 31*s - 1, want: Ejected},
		{name: "at exactly recovery_time", in: []answers{{s, 1, 503, 5}}, at: 31 * s, want: Healthy},
		{
			name: "errors while ejected do not prolong it",
			in:   []answers{{0, 1, 503, 5}, {29 * s, 1, 503, 50}}, at: 30 * s, want: Healthy,
		},
		{
			name: "the window is empty on return",
			in:   []answers{{0, 1, 503, 5}, {29 * s, 1, 503, 50}, {30 * s, 1, 503, 4}}, at: 30 * s, want: Healthy,
		},
		{
			name: "still bad, ejected again",
			in:   []answers{{0, 1, 503, 5}, {30 * s, 1, 503, 5}}, at: 30 * s, want: Ejected,
		},
		{
			name: "an event from the past is taken at the last one's time",
			in:   []answers{{40 * s, 1, 503, 4}, {0, 1, 503, 1}}, at: 40 * s, want: Ejected,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := plain()
			if tt.policy != nil {
				tt.policy(&p)
			}
			f := newFleet(t, 2, p)
			for _, in := range tt.in {
				f.answer(in.at, in.host, in.status, in.count)
			}
			f.wantVerdict(tt.at, 1, tt.want)
		})
	}
}

func TestCounts(t *testing.T) {
	f := newFleet(t, 2, plain())
	f.answer(0, 1, 503, 3)
	f.answer(0, 2, 503, 7)
	for _, tt := range []struct {
		name   string
		host   Host
		total  uint64
		window int
	}{
		{"in rotation", web(1), 3, 3},
		{"ejected: two more in flight raise the total alone", web(2), 7, 0},
		{"unknown host", web(3), 0, 0},
		{"unknown cluster", Host{Cluster: "other", Address: address(1)}, 0, 0},
	} {
		if got := f.TotalErrors(tt.host); got != tt.total {
			t.Errorf("%s: total %d, want %d", tt.name, got, tt.total)
		}
		if got := f.WindowErrors(start, tt.host); got != tt.window {
			t.Errorf("%s: window %d, want %d", tt.name, got, tt.window)
		}
	}
	if got := f.WindowErrors(start.Add(31*time.Second), web(1)); got != 0 {
		t.Errorf("an idle window still holds %d errors", got)
	}
}

func TestUnknownCreatesNothing(t *testing.T) {
	f := newFleet(t, 1, plain())
	f.answer(0, 9, 503, 3)
	f.Record(start, Observation{Host: Host{Cluster: "other", Address: address(1)}, Status: 503})
	if got, want := f.Unknown(), (Unknown{Cluster: 1, Host: 3}); got != want {
		t.Errorf("unknown %+v, want %+v", got, want)
	}
	if s, _ := f.Snapshot(start, "web"); len(s.Hosts) != 1 {
		t.Errorf("%d hosts, want 1", len(s.Hosts))
	}
}

func TestReset(t *testing.T) {
	f := newFleet(t, 3, plain())
	f.answer(0, 1, 503, 5)
	f.answer(0, 2, 503, 5)
	f.answer(0, 3, 503, 4)
	f.Take()
	if !f.Reset(start, web(1)) || f.Reset(start, web(9)) {
		t.Error("Reset must say whether it knows the host")
	}
	f.wantVerdict(0, 1, Healthy)
	f.wantVerdict(0, 2, Ejected)
	if got := f.Take().Clusters; len(got) != 1 {
		t.Errorf("changed clusters %v, want web", got)
	}
	f.ResetAll(start)
	f.wantVerdict(0, 2, Healthy)
	if total, window := f.TotalErrors(web(3)), f.WindowErrors(start, web(3)); total != 0 || window != 0 {
		t.Errorf("after a reset total %d, window %d", total, window)
	}
	f.answer(0, 3, 503, 4)
	f.wantVerdict(0, 3, Healthy)
}

func TestMembersComeAndGo(t *testing.T) {
	f := newFleet(t, 2, plain())
	f.answer(0, 1, 503, 5)
	f.answer(0, 2, 503, 4)
	f.SetClusters(start, []Cluster{{Name: "web", Policy: plain(), Members: members(3)}})
	f.wantVerdict(0, 1, Ejected)
	f.answer(0, 2, 503, 1)
	f.wantVerdict(0, 2, Ejected)
	f.SetClusters(start, []Cluster{{Name: "web", Policy: plain(), Members: members(3)[1:]}})
	f.SetClusters(start, []Cluster{{Name: "web", Policy: plain(), Members: members(3)}})
	f.wantVerdict(0, 1, Healthy)
	if got := f.TotalErrors(web(1)); got != 0 {
		t.Errorf("a host that left came back with %d errors", got)
	}
	f.SetClusters(start, nil)
	if got := f.Clusters(); len(got) != 0 {
		t.Errorf("clusters %v, want none", got)
	}
	if at, ok := f.Next(); ok {
		t.Errorf("a deadline at %v outlived its host", at)
	}
}

func TestNextIsTheEarliestReturn(t *testing.T) {
	f := newFleet(t, 3, plain())
	f.answer(2*time.Second, 2, 503, 5)
	f.answer(3*time.Second, 1, 503, 5)
	if at, ok := f.Next(); !ok || !at.Equal(start.Add(32*time.Second)) {
		t.Errorf("next is %v %v, want 32s after the start", at, ok)
	}
}

func BenchmarkRecord(b *testing.B) {
	for name, status := range map[string]int{"success": 200, "error": 503} {
		b.Run(name, func(b *testing.B) {
			tracker := NewTracker()
			p := DefaultPolicy()
			p.MaxEjectionPercent = 0
			tracker.SetClusters(start, []Cluster{{Name: "web", Policy: p, Members: members(1000)}})
			at := start
			o := Observation{Reporter: "envoy-a", Status: status, Requests: 1}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				o.Host = web(i%1000 + 1)
				at = at.Add(time.Microsecond)
				tracker.Record(at, o)
				i++
			}
		})
	}
}
