package upstream

import (
	"slices"
	"sync"
	"time"
)

// journalSize bounds what a host remembers: some minutes of the demo's traffic.
const journalSize = 1 << 16

// Request is one request as its host saw it.
type Request struct {
	At     time.Time // when it had been read
	Status int       // the answer's status; 0 where there was none, or none that was finished
}

// journal is what a host remembers of its requests.
type journal struct {
	mu       sync.Mutex
	total    int
	requests []Request // the newest, oldest first
}

// number returns how many requests came before this one.
func (j *journal) number() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.total++
	return j.total - 1
}

func (j *journal) add(r Request) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.requests) == journalSize {
		j.requests = slices.Delete(j.requests, 0, journalSize/2)
	}
	j.requests = append(j.requests, r)
}

// Total returns how many requests have come.
func (j *journal) Total() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.total
}

// Requests returns the requests that came, at least the newest 32768, in the order in which they were treated. One
// joins just before its answer is sent.
func (j *journal) Requests() []Request {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.requests)
}

// Since returns how many requests came after an instant.
func (j *journal) Since(t time.Time) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := 0
	for i := range j.requests {
		if j.requests[i].At.After(t) {
			n++
		}
	}
	return n
}
