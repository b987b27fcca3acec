package processor

import (
	"cmp"
	"slices"
	"time"

	"github.com/envoy-passive-health/passive-health/health"
)

// account is the running difference between what one Envoy's load reports count as failed and what the other sensors
// have shown of it. It is pure: reports and failures come with their times, and it neither reads a clock nor locks.
//
// A failure shows in two places: at once in a message of its own, which may never come, and within an interval in a
// report, which does not say what it was. What is reported waits for its message and is hidden, to be charged, when
// the wait is over. What is shown is credit for the report to come, which may get lost too: so credit ends with the
// second report after it, or it would hide the hidden failures of all time to come. Everything that goes wrong on the
// way takes a charge away and adds none, as long as a message is not later than its report by more than the wait.
type account struct {
	pace    pace
	hosts   map[health.Host]balance // those about which something is open
	streams int                     // open load-report streams: two Envoys may share an id, or one come back
	last    uint64                  // the last report's fingerprint
	closed  time.Time               // when the last report came

	// A generation ends when each stream has reported in it and the wait has passed: reports that come late and all at
	// once are one report as far as credit is concerned.
	generation uint64
	began      time.Time
	heard      int // streams that have reported in this generation
}

// pace is how reports come, and how long what they say waits for its message.
type pace struct {
	interval time.Duration
	wait     time.Duration
}

// newPace returns the pace for Envoys that report at the given interval. Half of it is enough to wait: by the next report
// it has passed, and reports that were held up and come all at once do not take each other for the next.
func newPace(interval time.Duration) pace { return pace{interval, max(interval/2, minWait)} }

// late says whether a report was held up, and messages with it, perhaps.
func (p pace) late(since time.Duration) bool { return since > p.interval+p.wait/4 }

// balance is one host's difference. There is never both, credit and something that waits.
type balance struct {
	fresh, stale int     // credit: shown in this generation, and in the one before
	waiting      []share // reported and not shown, oldest first
}

// share is what one report left unexplained.
type share struct {
	at time.Time
	n  int
}

// failed is a number of failures of a host, 1 or more.
type failed struct {
	host health.Host
	n    int
}

// minWait is the least time that a reported failure waits for the message that shows it. It must be longer than
// messages are under way; those of an access log are, for its buffer_flush_interval.
const minWait = 500 * time.Millisecond

// maxWaiting bounds a host's shares. Those of further reports join the newest and wait with it.
const maxWaiting = 16

// show takes failures that another sensor has shown.
func (a *account) show(f failed) {
	b := a.hosts[f.host]
	b.fresh += b.explain(f.n)
	a.put(f.host, b)
}

// explain takes n from what waits, oldest first, and returns what is left of n.
func (b *balance) explain(n int) int {
	for n > 0 && len(b.waiting) > 0 {
		used := min(n, b.waiting[0].n)
		n -= used
		b.waiting[0].n -= used
		if b.waiting[0].n == 0 {
			b.waiting = b.waiting[1:]
		}
	}
	return n
}

// report takes the failures that a report counts.
func (a *account) report(at time.Time, f failed) {
	b := a.hosts[f.host]
	if rest := b.spend(f.n); rest > 0 {
		b.wait(share{at, rest})
	}
	a.put(f.host, b)
}

// spend takes n from the credit, oldest first, and returns what is left of n.
func (b *balance) spend(n int) int {
	for _, credit := range []*int{&b.stale, &b.fresh} {
		used := min(n, *credit)
		n -= used
		*credit -= used
	}
	return n
}

func (b *balance) wait(s share) {
	if len(b.waiting) < maxWaiting {
		b.waiting = append(b.waiting, s)
		return
	}
	newest := &b.waiting[maxWaiting-1]
	newest.at = s.at
	newest.n += s.n
}

// forgive forgets what waits of a cluster: some of it was no failure of a host.
func (a *account) forgive(cluster string) {
	for h, b := range a.hosts {
		if h.Cluster == cluster {
			b.waiting = nil
			a.put(h, b)
		}
	}
}

// close ends a report. It returns the hidden failures: what has waited for long enough. Where a generation ends with the
// report, so does the credit from before it.
func (a *account) close(at time.Time) []failed {
	turn := a.heard >= a.streams && at.Sub(a.began) >= a.pace.wait
	if turn {
		a.generation, a.began, a.heard = a.generation+1, at, 0
	}
	late := a.pace.late(at.Sub(a.closed))
	a.closed = at
	var hidden []failed
	for h, b := range a.hosts {
		if late {
			b.waitAnew(at)
		}
		if n := b.ripe(at.Add(-a.pace.wait)); n > 0 {
			hidden = append(hidden, failed{h, n})
		}
		if turn {
			b.stale, b.fresh = b.fresh, 0
		}
		a.put(h, b)
	}
	slices.SortFunc(hidden, func(x, y failed) int { // a map has no order; what is recorded has
		return cmp.Or(cmp.Compare(x.host.Cluster, y.host.Cluster), x.host.Address.Compare(y.host.Address))
	})
	return hidden
}

// waitAnew lets what waits wait from now on: the message may be right behind.
func (b *balance) waitAnew(at time.Time) {
	for i := range b.waiting {
		b.waiting[i].at = at
	}
}

// ripe takes away what has waited since the given time or longer, and returns how much that was.
func (b *balance) ripe(since time.Time) (n int) {
	for len(b.waiting) > 0 && !b.waiting[0].at.After(since) {
		n += b.waiting[0].n
		b.waiting = b.waiting[1:]
	}
	return n
}

// put keeps a balance if anything is open.
func (a *account) put(h health.Host, b balance) {
	if b.fresh == 0 && b.stale == 0 && len(b.waiting) == 0 {
		delete(a.hosts, h)
		return
	}
	a.hosts[h] = b
}
