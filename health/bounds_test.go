package health

import (
	"encoding/json"
	"fmt"
	"runtime"
	"testing"
	"time"
)

// TestFlappingHostChangesEDSRarely: a host that fails whenever it is in is published anew 29 times in an hour, since the
// backoff soon leaves it out for five minutes at a time. The worst that a host can do is 240: be well for exactly one window
// after its probation, so that its backoff decays, and fail then, which is five changes each 75 seconds.
func TestFlappingHostChangesEDSRarely(t *testing.T) {
	for _, tt := range []struct {
		name string
		bad  func(second int) bool
		want uint64
	}{
		{"bad whenever it is in", func(int) bool { return true }, 29},
		{"bad every other second", func(s int) bool { return s%2 == 0 }, 29},
		{"bad for a minute, well for a minute", func(s int) bool { return s/60%2 == 0 }, 47},
		{"bad every two minutes", func(s int) bool { return s%120 == 0 }, 150},
		{"bad as soon as its backoff is gone", func(s int) bool { return s%75 == 0 }, 240},
	} {
		p := DefaultPolicy()
		p.RecoveryJitter = 0
		f := newFleet(t, 4, p)
		before := f.snapshot(0).Version
		for second := range 3600 {
			at := time.Duration(second) * time.Second
			f.Advance(start.Add(at))
			if tt.bad(second) {
				f.answer(at, 1, 503, 10)
			}
		}
		if got := f.snapshot(time.Hour).Version - before; got != tt.want {
			t.Errorf("%s: %d changes of EDS in an hour, want %d", tt.name, got, tt.want)
		}
	}
}

// flood records n observations with ever new Envoys, routes, statuses, hosts and clusters, beside errors of the known hosts.
func (f fleet) flood(from, n int) {
	for i := from; i < from+n; i++ {
		o := Observation{
			Host: web(i%400 + 1), Reporter: fmt.Sprint("envoy-", i), Route: fmt.Sprint("route-", i),
			Outcome: Outcome(i % 9), Status: i % 700, GRPC: GRPCStatus(i % 20), Count: i % 3, Requests: i,
		}
		if i%7 == 0 {
			o.Host.Cluster = fmt.Sprint("cluster-", i)
		}
		f.Record(start.Add(time.Duration(i)*time.Millisecond), o)
		if i%5000 == 0 {
			f.Take()
		}
	}
}

// TestMemoryIsBounded: I6. What input brings, once every host has failed, adds nothing: neither in memory nor in the file.
func TestMemoryIsBounded(t *testing.T) {
	p := DefaultPolicy()
	p.MinReporters, p.MinRequests, p.FailurePercent, p.ErrorGRPCStatuses = 2, 1, 1, GRPCStatuses(2, 14)
	f := newFleet(t, 200, p)
	const events = 20_000
	f.flood(0, events)
	heap, file := heapSize(f), fileSize(t, f)
	f.flood(events, 3*events)
	moreHeap, moreFile := heapSize(f), fileSize(t, f)
	const slack = 256 << 10 // the runtime's own, and what differs between two moments
	if moreHeap > heap+slack {
		t.Errorf("after four times the events the heap holds %d bytes instead of %d", moreHeap, heap)
	}
	if moreFile > file+file/5 {
		t.Errorf("after four times the events the file has %d bytes instead of %d", moreFile, file)
	}
	checkInvariants(t, f.Tracker)
}

func heapSize(f fleet) uint64 {
	f.Take()
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	runtime.KeepAlive(f)
	return m.HeapAlloc
}

func fileSize(t *testing.T, f fleet) int {
	t.Helper()
	data, err := json.Marshal(f.Save())
	if err != nil {
		t.Fatal(err)
	}
	return len(data)
}

// TestUntakenTransitionsAreBounded: I6. A reader that does not take what was told loses the oldest, not the newest.
func TestUntakenTransitionsAreBounded(t *testing.T) {
	p := plain()
	p.ErrorThreshold, p.RecoveryTime, p.RecoveryTimeMax = 1, 0, 0
	f := newFleet(t, 4, p)
	for i := range 2 * maxTold {
		f.answer(time.Duration(i), 1, 503, 1)
	}
	told := f.Take().Transitions
	newest := start.Add(2*maxTold - 1)
	if len(told) > maxTold || len(told) < maxTold*9/10 || !told[len(told)-1].At.Equal(newest) {
		t.Errorf("%d transitions are left, the newest of %v, want about %d up to %v", len(told), told[len(told)-1].At, maxTold, newest)
	}
}
