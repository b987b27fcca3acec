// Package journal keeps the newest events and hands them to whoever listens: the page, the command line, webhooks.
// Whoever is slow loses events and is told so; nobody is waited for.
package journal

import (
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

	Cluster  string           `json:"cluster,omitempty"`
	Host     string           `json:"host,omitempty"`
	From     string           `json:"from,omitempty"`
	To       string           `json:"to,omitempty"`
	Reason   health.Reason    `json:"reason,omitempty"`
	Until    *time.Time       `json:"until,omitempty"`
	Evidence *health.Evidence `json:"evidence,omitempty"`
	Override string           `json:"override,omitempty"` // its id
	By       string           `json:"by,omitempty"`       // who did it, as far as it is known
	Address  string           `json:"address,omitempty"`  // from where it was done
	Node     string           `json:"node,omitempty"`     // the Envoy
}

// size is how many events are kept.
const size = 1000

// Journal is a ring of the newest events. Make one with New. All methods may be called by anyone at any time.
type Journal struct {
	mu     sync.Mutex // guards the rest; never held while a listener is at work
	events []Event    // oldest first
	next   uint64
	ears   map[*Subscription]struct{}
}

// New returns an empty Journal.
func New() *Journal { return &Journal{next: 1, ears: map[*Subscription]struct{}{}} }

// Add numbers an event, keeps it and hands it on. It never blocks.
func (j *Journal) Add(e Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	e.ID = j.next
	j.next++
	if len(j.events) == size {
		j.events = append(j.events[:0:0], j.events[size/10:]...)
	}
	j.events = append(j.events, e)
	for s := range j.ears {
		s.offer(e)
	}
}

// Since returns the kept events with a larger ID, oldest first.
func (j *Journal) Since(id uint64) []Event {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.since(id)
}

func (j *Journal) since(id uint64) []Event {
	var found []Event
	for _, e := range j.events {
		if e.ID > id {
			found = append(found, e)
		}
	}
	return found
}

// ears is how many events may wait for one listener.
const waiting = 256

// Subscription delivers events to one listener.
type Subscription struct {
	// Events has room for some events; a listener that lets it fill up has Lost closed and gets no more.
	Events chan Event
	Lost   chan struct{}

	journal *Journal
	full    bool
}

// Subscribe returns the kept events with a larger ID, and a Subscription for those to come; none is between the two.
func (j *Journal) Subscribe(since uint64) ([]Event, *Subscription) {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := &Subscription{Events: make(chan Event, waiting), Lost: make(chan struct{}), journal: j}
	j.ears[s] = struct{}{}
	return j.since(since), s
}

// Close ends the subscription.
func (s *Subscription) Close() {
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	delete(s.journal.ears, s)
}

// offer hands an event over, under the journal's lock, or gives the listener up.
func (s *Subscription) offer(e Event) {
	select {
	case s.Events <- e:
	default:
		if !s.full {
			s.full = true
			close(s.Lost)
			delete(s.journal.ears, s)
		}
	}
}
