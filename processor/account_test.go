package processor

import (
	"cmp"
	"fmt"
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

// step is a message or a report of one host, so many seconds after the start.
type step struct {
	at      float64
	show    int
	report  int
	dropped bool
	hidden  int // wanted
}

// What the account does, step by step.
func TestAccount(t *testing.T) {
	tests := map[string][]step{
		"a plain failure": {{at: 0.5, show: 1}, {at: 1, report: 1}, {at: 2}, {at: 3}},
		"a hidden failure is charged one interval later, once": {{at: 1, report: 1}, {at: 2, hidden: 1}, {at: 3}},
		"its message comes after the report":                   {{at: 1, report: 1}, {at: 1.1, show: 1}, {at: 2}, {at: 3}},
		"some hidden, some not": {
			{at: 0.1, show: 2}, {at: 1, report: 5}, {at: 1.2, show: 1}, {at: 2, hidden: 2}, {at: 3},
		},
		"hidden each second": {
			{at: 1, report: 1}, {at: 2, report: 1, hidden: 1}, {at: 3, report: 1, hidden: 1}, {at: 4, hidden: 1},
		},
		"credit is there for the second report": {{at: 0.5, show: 1}, {at: 1}, {at: 2, report: 1}, {at: 3}},
		"and not for the third":                 {{at: 0.5, show: 1}, {at: 1}, {at: 2}, {at: 3, report: 1}, {at: 4, hidden: 1}},
		"reports held up are one": {
			{at: 0.5, show: 3}, {at: 5, report: 1}, {at: 5, report: 1}, {at: 5.001, report: 1}, {at: 6}, {at: 7},
		},
		"they come before their messages": {
			{at: 1}, {at: 5, report: 1}, {at: 5, report: 1}, {at: 5.01, report: 1}, {at: 5.02, show: 3}, {at: 6}, {at: 7},
		},
		"what waits when all is held up waits on": {{at: 1, report: 1}, {at: 4}, {at: 4.01, show: 1}, {at: 5}, {at: 6}},
		"dropped requests clear what waits":       {{at: 1, report: 2}, {at: 2, dropped: true}, {at: 3}, {at: 4}},
		"and leave the credit":                    {{at: 0.5, show: 1}, {at: 1, dropped: true}, {at: 2, report: 1}, {at: 3}},
	}
	for name, steps := range tests {
		t.Run(name, func(t *testing.T) {
			l := newLedger(testInterval)
			from := l.open("envoy-a")
			for _, s := range steps {
				if got := takeStep(l, from, s); got != s.hidden {
					t.Errorf("at %vs: %d hidden failures, want %d", s.at, got, s.hidden)
				}
			}
		})
	}
}

func takeStep(l *ledger, from *source, s step) (hidden int) {
	if s.show > 0 {
		l.shown("envoy-a", failed{testHost(1), s.show})
		return 0
	}
	var failures []failed
	var dropped []string
	if s.report > 0 {
		failures = []failed{{testHost(1), s.report}}
	}
	if s.dropped {
		dropped = []string{"web"}
	}
	at := worldStart.Add(time.Duration(s.at * float64(time.Second)))
	for _, f := range l.report(from, at, failures, dropped) {
		hidden += f.n
	}
	return hidden
}

// Two Envoys with one id have one account. What one shows outlives the other's reports.
func TestAccountShared(t *testing.T) {
	l := newLedger(testInterval)
	a, b := l.open(""), l.open("")
	at := func(s float64) time.Time { return worldStart.Add(time.Duration(s * float64(time.Second))) }
	l.shown("", failed{testHost(1), 1})
	for _, s := range []float64{0.6, 1.2, 1.8} { // one's reports come, the other's hangs
		if got := l.report(b, at(s), nil, nil); got != nil {
			t.Fatalf("hidden %v", got)
		}
	}
	l.report(a, at(2), []failed{{testHost(1), 1}}, nil)
	for _, s := range []float64{2.6, 3.2} {
		if got := l.report(b, at(s), nil, nil); got != nil {
			t.Errorf("charged again: %v", got)
		}
	}
	l.close(a)
	l.close(b)
	if l.reporters() != 0 {
		t.Error("an account is left without a stream")
	}
}

// Nothing grows: not with the reports that wait, not with Envoys.
func TestLedgerIsBounded(t *testing.T) {
	l := newLedger(testInterval)
	from := l.open("envoy-a")
	for range 1000 {
		l.report(from, worldStart, []failed{{testHost(1), 1}}, nil)
	}
	if n := len(from.account.hosts[testHost(1)].waiting); n != maxWaiting {
		t.Errorf("%d shares wait, want %d", n, maxWaiting)
	}
	if got := l.report(from, worldStart.Add(time.Second), nil, nil); len(got) != 1 || got[0].n != 1000 {
		t.Errorf("hidden = %v, want all 1000", got)
	}
	for i := range maxReporters {
		l.open(fmt.Sprint("envoy-", i))
	}
	if beyond := l.open("one more"); beyond.account != nil || l.reporters() != maxReporters {
		t.Errorf("%d accounts, want %d", l.reporters(), maxReporters)
	}
}
