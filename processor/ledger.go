package processor

import (
	"sync"
	"time"

	"github.com/envoy-passive-health/passive-health/health"
)

// maxReporters bounds how many Envoys have an account at one time. Those beyond it give volumes and no hidden failures.
const maxReporters = 10_000

// ledger holds the accounts of all Envoys that have a load-report stream open. Without one an Envoy has no account: what
// it counts between two streams comes with the second one's first report, which gives no hidden failures.
type ledger struct {
	pace pace

	mu       sync.Mutex // guards everything below; held for one message or report at a time
	accounts map[string]*account
}

// source is one load-report stream's place in its Envoy's account. The zero value has none.
type source struct {
	reporter string
	account  *account
	heard    uint64 // the last generation in which it reported, plus one
}

// newLedger returns a ledger for Envoys that report at the given interval.
func newLedger(interval time.Duration) *ledger {
	return &ledger{pace: newPace(interval), accounts: map[string]*account{}}
}

// open begins a stream. Each needs its close.
func (l *ledger) open(reporter string) *source {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.accounts[reporter]
	if a == nil && len(l.accounts) >= maxReporters {
		return &source{reporter: reporter}
	}
	if a == nil {
		a = &account{pace: l.pace, hosts: map[health.Host]balance{}}
		l.accounts[reporter] = a
	}
	a.streams++
	return &source{reporter: reporter, account: a}
}

// close ends a stream. What waits in the account of an Envoy's last stream is never charged.
func (l *ledger) close(s *source) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := s.account
	if a == nil {
		return
	}
	a.streams--
	if s.heard == a.generation+1 {
		a.heard--
	}
	if a.streams == 0 {
		delete(l.accounts, s.reporter)
	}
}

// shown takes a failure that another sensor has shown of an Envoy.
func (l *ledger) shown(reporter string, f failed) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a := l.accounts[reporter]; a != nil {
		a.show(f)
	}
}

// doubled says whether a report is the Envoy's last one once more. A fingerprint of 0 is nobody's.
func (l *ledger) doubled(s *source, fingerprint uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := s.account
	if a == nil || fingerprint == 0 {
		return false
	}
	doubled := a.last == fingerprint
	a.last = fingerprint
	return doubled
}

// report takes what one report counts as failed, without the clusters that have dropped requests, which are named
// apart: Envoy counts an overflow as a failure of the host it had chosen. It returns the hidden failures.
func (l *ledger) report(s *source, at time.Time, failures []failed, dropped []string) []failed {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := s.account
	if a == nil {
		return nil
	}
	if s.heard != a.generation+1 {
		s.heard = a.generation + 1
		a.heard++
	}
	for _, f := range failures {
		a.report(at, f)
	}
	for _, cluster := range dropped {
		a.forgive(cluster)
	}
	return a.close(at)
}

// reporters returns how many Envoys have an account.
func (l *ledger) reporters() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.accounts)
}
