package health

import (
	"testing"
	"time"
)

// TestRecordAllocatesNothing holds for each kind of observation that changes no verdict, which is nearly all.
func TestRecordAllocatesNothing(t *testing.T) {
	p := DefaultPolicy()
	p.MaxEjectionPercent, p.MinReporters, p.MinRequests, p.FailurePercent = 0, 2, 10, 20
	f := newFleet(t, 2, p)
	f.answer(0, 1, 503, 20) // refused for good
	now := start
	for name, o := range map[string]Observation{
		"success":         {Host: web(2), Reporter: "envoy-a", Status: 200, Requests: 1},
		"error":           {Host: web(1), Reporter: "envoy-b", Status: 503, Requests: 1},
		"volume":          {Host: web(1), Reporter: "envoy-a", Outcome: Volume, Requests: 100},
		"unknown host":    {Host: web(9), Status: 503},
		"unknown cluster": {Host: Host{Cluster: "none", Address: address(1)}, Status: 503},
	} {
		f.Record(now, o)
		allocs := testing.AllocsPerRun(1000, func() {
			now = now.Add(time.Microsecond)
			f.Record(now, o)
		})
		if allocs != 0 {
			t.Errorf("%s: %v allocations", name, allocs)
		}
	}
}
