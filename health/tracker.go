package health

import (
	"container/heap"
	"maps"
	"slices"
	"sync"
	"time"
)

// Tracker folds events into verdicts. Make one with NewTracker. All methods may be called at any time by anyone;
// each event is taken at the time given, or at the last event's time if that is later.
type Tracker struct {
	mu        sync.Mutex // guards everything below; never held across I/O, logging or publishing
	now       time.Time  // of the last event
	clusters  map[string]*cluster
	hosts     map[Host]*host
	deadlines deadlines
	overrides []*Override // in the order of their creation; each is replaced, never changed
	nextEnd   time.Time   // of the earliest override that changes by itself; zero if none

	dirty   map[string]bool // clusters whose published state changed
	told    []Transition    // since the last Take
	unknown Unknown

	// wake has room for one: a full channel already says that there is something to take.
	wake chan struct{}
}

// Unknown counts observations that no configured cluster or host could take.
type Unknown struct{ Cluster, Host uint64 }

// maxTold bounds the transitions kept for a reader that does not take them; the oldest are lost first.
const maxTold = 10_000

// maxCount bounds the Count of one observation: no report holds more errors of one host.
const maxCount = 1 << 16

// NewTracker returns a Tracker without clusters.
func NewTracker() *Tracker {
	return &Tracker{
		clusters: map[string]*cluster{},
		hosts:    map[Host]*host{},
		dirty:    map[string]bool{},
		wake:     make(chan struct{}, 1),
	}
}

// Record takes one observation. It allocates nothing unless a verdict changes.
func (t *Tracker) Record(at time.Time, o Observation) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.advance(at)
	h := t.hosts[o.Host]
	if h == nil {
		t.countUnknown(o.Host)
		return
	}
	t.observe(h, &o)
}

// Advance lets time pass: it applies what was due by now, each at its own instant.
func (t *Tracker) Advance(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.advance(now)
}

// Next returns the instant at which Advance has something to do next.
func (t *Tracker) Next() (at time.Time, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at = t.next()
	return at, !at.IsZero()
}

// Changed delivers a value when there is something for Take or an earlier Next. It never closes.
func (t *Tracker) Changed() <-chan struct{} { return t.wake }

// Changes is what happened since the last Take.
type Changes struct {
	Clusters    []string // whose published state changed, sorted
	Transitions []Transition
}

// Take returns what happened since the last call.
func (t *Tracker) Take() Changes {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := Changes{Clusters: slices.Sorted(maps.Keys(t.dirty)), Transitions: t.told}
	clear(t.dirty)
	t.told = nil
	return c
}

// Snapshot returns one cluster as it stands at now; ok is false if there is no such cluster.
func (t *Tracker) Snapshot(now time.Time, cluster string) (s Snapshot, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.clusters[cluster]
	if c == nil {
		return Snapshot{}, false
	}
	return c.snapshot(t.forward(now)), true
}

// Clusters returns the clusters' names, sorted.
func (t *Tracker) Clusters() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Sorted(maps.Keys(t.clusters))
}

// TotalErrors returns the errors in the host's life, 0 for an unknown host.
func (t *Tracker) TotalErrors(id Host) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if h := t.hosts[id]; h != nil {
		return h.total
	}
	return 0
}

// WindowErrors returns the host's errors in the window that ends at now, counted up to the threshold; 0 for an
// unknown host and for an ejected one.
func (t *Tracker) WindowErrors(now time.Time, id Host) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if h := t.hosts[id]; h != nil {
		return h.window.count(t.forward(now), h.cluster.policy.Window)
	}
	return 0
}

// Unknown returns how many observations named what no cluster lists.
func (t *Tracker) Unknown() Unknown {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.unknown
}

func (t *Tracker) countUnknown(id Host) {
	if t.clusters[id.Cluster] == nil {
		t.unknown.Cluster++
	} else {
		t.unknown.Host++
	}
}

func (t *Tracker) forward(at time.Time) time.Time {
	if at.Before(t.now) {
		return t.now
	}
	return at
}

// advance applies, in order, everything that was due by at, and makes at the time of the event to come.
func (t *Tracker) advance(at time.Time) {
	at = t.forward(at)
	for next := t.next(); !next.IsZero() && !next.After(at); next = t.next() {
		t.now = t.forward(next)
		if next.Equal(t.nextEnd) {
			t.endOverrides()
			continue
		}
		h := t.deadlines[0]
		heap.Pop(&t.deadlines)
		h.deadline = time.Time{}
		t.due(h)
	}
	t.now = at
}

func (t *Tracker) next() time.Time {
	if len(t.deadlines) == 0 || !t.nextEnd.IsZero() && !t.nextEnd.After(t.deadlines[0].deadline) {
		return t.nextEnd
	}
	return t.deadlines[0].deadline
}

func (t *Tracker) tell(tr Transition) {
	if len(t.told) >= maxTold {
		t.told = slices.Delete(t.told, 0, maxTold/10)
	}
	t.told = append(t.told, tr)
	t.signal()
}

func (t *Tracker) signal() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}
