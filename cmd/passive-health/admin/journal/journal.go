// Package journal keeps the newest events for whoever reads them: the page, the command line, webhooks. A reader holds
// nothing but the ID it has come to, so that any number of slow ones costs nothing; one that falls behind the kept
// events misses some and can see it. Nobody is waited for.
package journal

import (
	"encoding/json"
	"sync"
	"time"

	"github.com/envoy-passive-health/passive-health/health"
)

// Event is one thing that happened, in the words of the log.
type Event struct {
	ID   uint64    `json:"id"` // grows by one each
	At   time.Time `json:"at"`
	Name string    `json:"event"` // such as host.ejected
	Text string    `json:"text"`

	Cluster  string        `json:"cluster,omitempty"`
	Host     string        `json:"host,omitempty"`
	From     string        `json:"from,omitempty"`
	To       string        `json:"to,omitempty"`
	Reason   health.Reason `json:"reason,omitempty"`
	Until    *time.Time    `json:"until,omitempty"`
	Evidence *Evidence     `json:"evidence,omitempty"`
	Override string        `json:"override,omitempty"` // its id
	By       string        `json:"by,omitempty"`       // who did it, as far as it is known
	Address  string        `json:"address,omitempty"`  // from where it was done
	Node     string        `json:"node,omitempty"`     // the Envoy

	encoded []byte // by Add, once for all readers
}

// JSON returns the event as the API says it. Do not change it.
func (e *Event) JSON() []byte {
	if e.encoded != nil {
		return e.encoded
	}
	data, err := json.Marshal(e)
	if err != nil {
		return []byte("{}") // it cannot be: times of the years 0 to 9999, texts and numbers
	}
	return data
}

// Evidence is what a verdict rested on: the newest errors, as many as the rule needed.
type Evidence struct {
	Errors    int            `json:"errors"`
	Threshold int            `json:"threshold"`
	Requests  int            `json:"requests,omitempty"` // in the window, 0 if unknown
	First     time.Time      `json:"first"`              // of the errors
	Last      time.Time      `json:"last"`
	Codes     map[string]int `json:"codes"` // errors by cause: "503", "grpc UNAVAILABLE", "timeout"
	Reporters []string       `json:"reporters,omitempty"`
}

// size is how many events are kept.
const size = 1000

// Journal is a ring of the newest events. Make one with New. All methods may be called by anyone at any time.
type Journal struct {
	mu     sync.Mutex    // guards the rest
	events []Event       // oldest first, with IDs without gaps
	next   uint64        // ID
	more   chan struct{} // closed by the next Add
}

// New returns an empty Journal whose first event gets the given ID, above 0. If it grows with each start of the
// program, what a reader had come to before a restart still tells what it has not seen.
func New(first uint64) *Journal { return &Journal{next: max(first, 1), more: make(chan struct{})} }

// Add numbers an event and keeps it. It never blocks.
func (j *Journal) Add(e Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	e.ID = j.next
	e.encoded = e.JSON()
	j.next++
	if len(j.events) == size {
		j.events = append(j.events[:0:0], j.events[size/10:]...)
	}
	j.events = append(j.events, e)
	close(j.more)
	j.more = make(chan struct{})
}

// After returns the kept events with a larger ID, oldest first; if the first one's is not the next, those between are
// gone. The channel is closed when there are further ones. Do not change the events.
func (j *Journal) After(id uint64) (events []Event, more <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.events) == 0 || id >= j.next {
		return nil, j.more
	}
	if oldest := j.events[0].ID; id >= oldest {
		return j.events[id-oldest+1:], j.more
	}
	return j.events, j.more
}
