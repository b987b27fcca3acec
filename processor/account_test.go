package processor

import (
	"cmp"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/envoy-passive-health/passive-health/health"
)

// world is a fleet of one Envoy with two hosts, as it is and as the ledger comes to see it.
type world struct {
	t      *rapid.T
	ledger *ledger
	source *source

	truth, shown, hidden map[health.Host]int
	events               []event
	forgotten            time.Duration // until then Envoy has not counted
}

// event is something that reaches the service.
type event struct {
	at    time.Duration
	order int // among those of one instant
	do    func(at time.Time)
}

const testInterval = time.Second

var (
	worldStart = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	worldHosts = []health.Host{testHost(1), testHost(2)}
)

func testHost(n byte) health.Host {
	return health.Host{Cluster: "web", Address: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, n}), 80)}
}

func newWorld(t *rapid.T) *world {
	l := newLedger(testInterval)
	return &world{
		t: t, ledger: l, source: l.open("envoy-a"),
		truth: map[health.Host]int{}, shown: map[health.Host]int{}, hidden: map[health.Host]int{},
	}
}

// fates are the things that may go wrong.
type fates struct{ losses, restarts, drops, stalls bool }

// live lets the given number of intervals pass, and then enough quiet ones for everything to come to light.
func (w *world) live(intervals int, f fates) {
	const quiet = 12 // longer than any stall
	stalledUntil := time.Duration(0)
	for i := range intervals + quiet {
		begin := time.Duration(i) * testInterval
		if f.stalls && i < intervals && rapid.IntRange(0, 5).Draw(w.t, "stall") == 0 {
			// From somewhere in this interval to well within a later one nothing gets through.
			stalledUntil = max(stalledUntil, begin+testInterval*time.Duration(rapid.IntRange(1, 6).Draw(w.t, "stalled intervals"))+
				time.Duration(rapid.IntRange(200, 900).Draw(w.t, "and ms"))*time.Millisecond)
		}
		failures := map[health.Host]int{}
		if i < intervals {
			w.fail(begin, stalledUntil, failures)
		}
		w.endInterval(begin+testInterval, stalledUntil, failures, uint64(i+1), f)
	}
	slices.SortStableFunc(w.events, func(a, b event) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.order, b.order)) })
	for _, e := range w.events {
		e.do(worldStart.Add(e.at))
		w.checkNeverMore()
	}
}

// fail makes hosts fail. Each failure is shown by a message soon after, unless it is hidden or the message gets lost.
func (w *world) fail(begin, stalledUntil time.Duration, failures map[health.Host]int) {
	for range rapid.IntRange(0, 6).Draw(w.t, "failures") {
		h := rapid.SampledFrom(worldHosts).Draw(w.t, "host")
		after := time.Duration(rapid.IntRange(0, 999).Draw(w.t, "ms")) * time.Millisecond
		failures[h]++
		w.truth[h]++
		if rapid.Bool().Draw(w.t, "hidden") {
			continue
		}
		delay := time.Duration(rapid.IntRange(0, 120).Draw(w.t, "delay")) * time.Millisecond
		w.arrive(max(begin+after+delay, stalledUntil), func(time.Time) {
			w.shown[h]++
			w.ledger.shown("envoy-a", failed{h, 1})
		})
	}
}

// endInterval sends the report of what failed.
func (w *world) endInterval(end, stalledUntil time.Duration, failures map[health.Host]int, fingerprint uint64, f fates) {
	var report []failed
	for _, h := range worldHosts {
		if failures[h] > 0 {
			report = append(report, failed{h, failures[h]})
		}
	}
	at := max(end, stalledUntil)
	order := int(fingerprint) // reports come in order, whatever comes between them
	if f.restarts && rapid.IntRange(0, 7).Draw(w.t, "restart") == 0 {
		w.events = append(w.events, event{at, order, func(time.Time) {
			w.ledger.close(w.source)
			w.source = w.ledger.open("envoy-a")
		}})
		w.forgotten = at // what was counted and not sent is gone; Envoy counts again once it has its answer
	}
	if end-testInterval < w.forgotten {
		return
	}
	if f.losses && rapid.IntRange(0, 3).Draw(w.t, "report lost") == 0 {
		return
	}
	var dropped []string
	if f.drops && rapid.IntRange(0, 4).Draw(w.t, "overflow") == 0 {
		report, dropped = nil, []string{"web"}
	}
	times := 1
	if f.losses && rapid.IntRange(0, 4).Draw(w.t, "doubled") == 0 {
		times = 2
	}
	for range times {
		w.events = append(w.events, event{at, order, func(at time.Time) { w.report(at, fingerprint, report, dropped) }})
	}
}

func (w *world) report(at time.Time, fingerprint uint64, report []failed, dropped []string) {
	if w.ledger.doubled(w.source, fingerprint) {
		return
	}
	for _, f := range w.ledger.report(w.source, at, report, dropped) {
		w.hidden[f.host] += f.n
	}
}

// arrive schedules a message, somewhere among the reports that come at the same instant.
func (w *world) arrive(at time.Duration, do func(time.Time)) {
	w.events = append(w.events, event{at, rapid.IntRange(0, 40).Draw(w.t, "order"), do})
}

func (w *world) checkNeverMore() {
	for _, h := range worldHosts {
		if w.hidden[h]+w.shown[h] > w.truth[h] {
			w.t.Fatalf("%v: %d hidden and %d shown of %d failures", h, w.hidden[h], w.shown[h], w.truth[h])
		}
	}
}

// Whatever gets lost, held up, doubled or restarted, nothing is charged twice.
func TestAccountNeverChargesMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.live(rapid.IntRange(1, 30).Draw(t, "intervals"), fates{losses: true, restarts: true, drops: true, stalls: true})
	})
}

// Where no report gets lost, everything is charged in the end, however many messages do and whatever is held up.
func TestAccountChargesEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.live(rapid.IntRange(1, 30).Draw(t, "intervals"), fates{stalls: true})
		for _, h := range worldHosts {
			if w.hidden[h]+w.shown[h] != w.truth[h] {
				t.Fatalf("%v: %d hidden and %d shown of %d failures", h, w.hidden[h], w.shown[h], w.truth[h])
			}
		}
		if n := len(w.source.account.hosts); n != 0 {
			t.Errorf("%d balances are left open", n)
		}
	})
}
