package processor

import (
	"testing"
	"time"
)

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
		"the oldest credit is used first": {
			{at: 0.5, show: 1}, {at: 1}, {at: 1.5, show: 1}, {at: 2, report: 1}, {at: 3, report: 1}, {at: 4}, {at: 5},
		},
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
