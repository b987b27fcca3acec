package journal

import (
	"sync"
	"testing"
	"testing/synctest"
)

func TestAfter(t *testing.T) {
	j := New(10)
	if events, _ := j.After(0); len(events) != 0 {
		t.Errorf("an empty journal has %d events", len(events))
	}
	for range 3 {
		j.Add(Event{})
	}
	for id, want := range map[uint64]int{0: 3, 9: 3, 10: 2, 11: 1, 12: 0, 99: 0} {
		if events, _ := j.After(id); len(events) != want {
			t.Errorf("after %d: %d events, want %d", id, len(events), want)
		}
	}
}

// TestRing keeps the newest events, never more than its size, with IDs without gaps.
func TestRing(t *testing.T) {
	j := New(1)
	const all = 12_345
	for range all {
		j.Add(Event{})
	}
	events, _ := j.After(0)
	if len(events) > size || len(events) < size-size/10 || events[len(events)-1].ID != all {
		t.Fatalf("%d events up to %d", len(events), events[len(events)-1].ID)
	}
	for i := range events {
		if want := uint64(all - len(events) + 1 + i); events[i].ID != want {
			t.Fatalf("event %d has ID %d, want %d", i, events[i].ID, want)
		}
	}
}

// TestReadersMissNothing has many readers follow a writer that never waits for them.
func TestReadersMissNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const readers, count = 20, 500
		j := New(1)
		var running sync.WaitGroup
		for range readers {
			running.Go(func() {
				for last := uint64(0); last < count; {
					events, more := j.After(last)
					if len(events) == 0 {
						<-more
						continue
					}
					if events[0].ID != last+1 {
						t.Errorf("after %d came %d", last, events[0].ID)
						return
					}
					last = events[len(events)-1].ID
				}
			})
		}
		for range count {
			j.Add(Event{})
		}
		running.Wait()
	})
}
