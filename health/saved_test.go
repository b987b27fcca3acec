package health

import (
	"encoding/json"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// reload carries a tracker's state through its file's form into a new one with the same configuration.
func reload(t *testing.T, f fleet, at time.Duration, cluster Cluster) fleet {
	t.Helper()
	data, err := json.Marshal(f.Save())
	if err != nil {
		t.Fatal(err)
	}
	saved, err := UnmarshalSaved(data)
	if err != nil {
		t.Fatal(err)
	}
	fresh := fleet{NewTracker(), t}
	fresh.SetClusters(start.Add(at), []Cluster{cluster})
	fresh.Restore(start.Add(at), saved)
	return fresh
}

func TestSavedStateGoesOn(t *testing.T) {
	p := DefaultPolicy()
	p.MinReporters, p.MinRequests, p.ErrorThreshold = 2, 1, 5
	cluster := Cluster{Name: "web", Policy: p, Members: members(6)}
	f := newFleet(t, 6, p)
	events := []struct {
		second   int
		host     int
		reporter string
	}{
		{0, 1, "a"},
		{0, 1, "b"},
		{1, 1, "a"},
		{2, 1, "a"},
		{3, 1, "b"},
		{4, 2, "a"},
		{5, 2, "b"},
		{6, 3, "a"},
		{7, 3, "b"},
		{8, 3, "b"},
		{9, 3, "b"},
		{10, 3, "b"},
		{11, 4, "a"},
		{12, 4, "a"},
		{13, 4, "b"},
		{14, 4, "a"},
		{15, 4, "a"},
		{16, 5, "a"},
		{17, 5, "b"},
		{18, 5, "a"},
		{19, 5, "a"},
		{20, 5, "a"},
		{50, 1, "a"},
		{51, 1, "b"},
		{90, 2, "a"},
	}
	at := func(second int) time.Duration { return time.Duration(second) * time.Second }
	for i, e := range events {
		f.Advance(start.Add(at(e.second)))      // what is due while nobody runs happens late, at the restart
		f = reload(t, f, at(e.second), cluster) // a restart before every event
		f.Record(start.Add(at(e.second)), Observation{Host: web(e.host), Reporter: e.reporter, Status: 503, Requests: 1})
		whole := newFleet(t, 6, p)
		for _, before := range events[:i+1] {
			whole.Record(start.Add(at(before.second)),
				Observation{Host: web(before.host), Reporter: before.reporter, Status: 503, Requests: 1})
		}
		got, _ := f.Snapshot(start.Add(at(e.second)), "web")
		want, _ := whole.Snapshot(start.Add(at(e.second)), "web")
		diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.AddrPort{}),
			cmpopts.IgnoreFields(Snapshot{}, "Version", "Counters"), cmpopts.IgnoreFields(HostSnapshot{}, "Observed"))
		if diff != "" {
			t.Fatalf("after event %d (-whole +restarted):\n%s", i, diff)
		}
	}
}

func TestRestoredDeadlines(t *testing.T) {
	p := plain()
	cluster := Cluster{Name: "web", Policy: p, Members: members(2)}
	f := newFleet(t, 2, p)
	f.answer(0, 1, 503, 5)
	reload(t, f, 29*time.Second, cluster).wantVerdict(29*time.Second, 1, Ejected)
	reload(t, f, 30*time.Second, cluster).wantVerdict(30*time.Second, 1, Healthy)
	reload(t, f, time.Hour, cluster).wantVerdict(time.Hour, 1, Healthy)

	back := reload(t, f, -time.Hour, cluster) // the clock was set back: the mark still ends in time
	back.wantVerdict(-time.Hour+30*time.Second-1, 1, Ejected)
	back.wantVerdict(-time.Hour+30*time.Second, 1, Healthy)

	smaller := reload(t, f, time.Second, Cluster{Name: "web", Policy: p, Members: members(2)[1:]})
	if _, ok := smaller.Next(); ok {
		t.Error("a host that is no longer configured left a deadline")
	}
}

func TestOlderAndNewerStates(t *testing.T) {
	const first = `{"version":1,"hosts":[{"cluster":"web","address":"10.0.0.1:80","verdict":"ejected",` +
		`"since":"2026-01-01T12:00:00Z","until":"2026-01-01T12:00:30Z","total_errors":7,"ejections":2}]}`
	saved, err := UnmarshalSaved([]byte(first))
	if err != nil {
		t.Fatal(err)
	}
	f := newFleet(t, 2, plain())
	f.Restore(start.Add(time.Second), saved)
	h := f.host(time.Second, 1)
	if h.Verdict != Ejected || !h.Until.Equal(start.Add(30*time.Second)) || h.TotalErrors != 7 || h.Ejections != 2 {
		t.Errorf("from version 1: %+v", h)
	}
	for _, tt := range []struct {
		name, in string
		want     error
	}{
		{"newer", `{"version":3}`, ErrNewerState},
		{"none", `{}`, nil},
		{"no JSON", `marks`, nil},
		{"cut short", first[:50], nil},
	} {
		if _, err := UnmarshalSaved([]byte(tt.in)); err == nil || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s: error %v", tt.name, err)
		}
	}
}

func FuzzRestore(f *testing.F) {
	f.Add([]byte(`{"version":2,"hosts":[{"cluster":"web","address":"10.0.0.1:80","verdict":"probation","step":9,"backoff":-5,` +
		`"window":[{"at":"2036-01-01T12:00:00Z"},{"at":"1006-01-01T12:00:00Z"}],"refused":"max_percent"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		saved, err := UnmarshalSaved(data)
		if err != nil {
			return
		}
		fleet := newFleet(t, 2, DefaultPolicy())
		fleet.Restore(start, saved)
		checkCounts(t, fleet.clusters["web"])
		longest := 330*time.Second + 15*time.Second
		fleet.wantVerdict(longest, 1, Healthy)
		fleet.wantVerdict(longest, 2, Healthy)
	})
}
