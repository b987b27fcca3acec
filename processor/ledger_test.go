package processor

import (
	"fmt"
	"testing"
	"time"
)

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
	l.close(b)
	l.shown("", failed{testHost(1), 1})
	l.report(a, at(4), []failed{{testHost(1), 1}}, nil)
	if got := l.report(a, at(5), nil, nil); got != nil {
		t.Errorf("the account was lost with one of its streams: %v", got)
	}
	l.close(a)
	if l.reporters() != 0 {
		t.Error("an account is left without a stream")
	}
}

// A stream that has ended does not count as one that has reported.
func TestAccountOfThree(t *testing.T) {
	l := newLedger(testInterval)
	a, b, c := l.open(""), l.open(""), l.open("")
	at := func(s float64) time.Time { return worldStart.Add(time.Duration(s * float64(time.Second))) }
	for generation := range 3 { // a alone is late; were the one who has gone counted for it, credit would end too early
		if generation == 0 {
			l.report(a, at(0), nil, nil)
			l.report(b, at(0.1), nil, nil)
			l.report(c, at(0.2), nil, nil)
			l.shown("", failed{testHost(1), 1})
		}
		gone := l.open("")
		l.report(gone, at(float64(generation)+1), nil, nil)
		l.close(gone)
		l.report(b, at(float64(generation)+1.1), nil, nil)
		l.report(c, at(float64(generation)+1.2), nil, nil)
	}
	l.report(a, at(4), []failed{{testHost(1), 1}}, nil)
	if got := l.report(a, at(5), nil, nil); got != nil {
		t.Errorf("charged again: %v", got)
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
	l.report(from, worldStart.Add(300*time.Millisecond), []failed{{testHost(1), 1}}, nil)
	for _, wait := range []struct {
		until time.Duration
		n     int
	}{{600 * time.Millisecond, maxWaiting - 1}, {1200 * time.Millisecond, 1001 - (maxWaiting - 1)}} {
		if got := l.report(from, worldStart.Add(wait.until), nil, nil); len(got) != 1 || got[0].n != wait.n {
			t.Errorf("after %v: hidden = %v, want %d", wait.until, got, wait.n)
		}
	}
	for i := range maxReporters {
		l.open(fmt.Sprint("envoy-", i))
	}
	if beyond := l.open("one more"); beyond.account != nil || l.reporters() != maxReporters {
		t.Errorf("%d accounts, want %d", l.reporters(), maxReporters)
	}
}
