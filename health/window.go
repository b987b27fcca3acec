package health

import (
	"slices"
	"time"
)

// failure is one error in a host's window.
type failure struct {
	at       time.Time
	cause    Cause
	reporter string
}

// window holds a host's newest errors, as many as the rules can ask for. That is enough to be exact: a host is
// ejected when the threshold-th newest error is no older than the span, and older errors cannot change that. Its
// memory is taken once, when the host joins.
type window struct {
	ring []failure
	next int // where the next error goes
	held int // how many there are, at most len(ring)
}

func newWindow(size int) window { return window{ring: make([]failure, size)} }

// add puts the newest error in the oldest one's place. Its time must not be before any other's.
func (w *window) add(f failure) {
	w.ring[w.next] = f
	w.next = (w.next + 1) % len(w.ring)
	w.held = min(w.held+1, len(w.ring))
}

// newest returns the n-th newest error, counted from 1 to held.
func (w *window) newest(n int) *failure {
	return &w.ring[(w.next-n+len(w.ring))%len(w.ring)]
}

// holds says whether there are n errors that are at now no older than span, span included.
func (w *window) holds(n int, now time.Time, span time.Duration) bool {
	return w.held >= n && now.Sub(w.newest(n).at) <= span
}

// count returns how many errors are at now no older than span, counted up to the ring's size.
func (w *window) count(now time.Time, span time.Duration) int {
	n := 0
	for n < w.held && now.Sub(w.newest(n+1).at) <= span {
		n++
	}
	return n
}

func (w *window) clear() {
	clear(w.ring)
	w.next, w.held = 0, 0
}

// resized returns a window of another size with the newest errors of this one.
func (w *window) resized(size int) window {
	if size == len(w.ring) {
		return *w
	}
	fresh := newWindow(size)
	for n := min(size, w.held); n >= 1; n-- {
		fresh.add(*w.newest(n))
	}
	return fresh
}

// evidence sums up the n newest errors.
func (w *window) evidence(n int) Evidence {
	e := Evidence{Errors: n, First: w.newest(n).at, Last: w.newest(1).at}
	for i := n; i >= 1; i-- {
		f := w.newest(i)
		e.countCause(f.cause)
		if f.reporter != "" && !slices.Contains(e.Reporters, f.reporter) {
			e.Reporters = append(e.Reporters, f.reporter)
		}
	}
	slices.Sort(e.Reporters)
	return e
}

func (e *Evidence) countCause(cause Cause) {
	for i := range e.Causes {
		if e.Causes[i].Cause == cause {
			e.Causes[i].Count++
			return
		}
	}
	e.Causes = append(e.Causes, CauseCount{Cause: cause, Count: 1})
}
