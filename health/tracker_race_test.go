package health

import (
	"encoding/json"
	"sync"
	"testing"
	"time"
)

// TestAnyoneAnyTime: events and readers at the same time, for the race detector; what readers hold is not changed under them.
func TestAnyoneAnyTime(t *testing.T) {
	f := newFleet(t, 20, DefaultPolicy())
	reading := []func(i int){
		func(int) { s := f.snapshot(0); readHosts(&s) },
		func(int) { f.Take(); f.Next(); f.Clusters(); f.Unknown() },
		func(int) { f.TotalErrors(web(1)); f.WindowErrors(start, web(1)) },
		func(int) {
			if _, err := json.Marshal(f.Save()); err != nil {
				t.Error(err)
			}
		},
	}
	happening := []func(i int){
		func(i int) { f.answer(time.Duration(i)*time.Second, i%20+1, 503, 5) },
		func(i int) { f.Advance(start.Add(time.Duration(i) * time.Second)) },
		func(i int) { f.Reset(start, web(i%20+1)) },
		func(i int) {
			f.SetClusters(start, []Cluster{{Name: "web", Policy: DefaultPolicy(), Members: members(15 + i%6)}})
		},
		func(i int) {
			id := string(rune('a' + i%20))
			_ = f.AddOverride(start, order(id, ActionKeep), false) // taken or not
			_ = f.EndOverride(start, id)
		},
	}
	var all sync.WaitGroup
	for _, does := range append(reading, happening...) {
		all.Go(func() {
			for i := range 200 {
				does(i)
			}
		})
	}
	all.Wait()
	checkInvariants(t, f.Tracker)
}

func readHosts(s *Snapshot) {
	for i := range s.Hosts {
		Explain(s, i)
		Outlook(s, i)
	}
}
