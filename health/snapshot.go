package health

import (
	"fmt"
	"time"
)

// Published is what EDS says of a host, after the verdict and the override.
type Published uint8

// The published states.
const (
	PublishedHealthy Published = iota
	PublishedUnhealthy
)

// String returns the EDS health status's name.
func (p Published) String() string {
	if p == PublishedUnhealthy {
		return "UNHEALTHY"
	}
	return "HEALTHY"
}

// MarshalText writes the EDS health status's name.
func (p Published) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads an EDS health status's name.
func (p *Published) UnmarshalText(text []byte) error {
	switch string(text) {
	case "HEALTHY":
		*p = PublishedHealthy
	case "UNHEALTHY":
		*p = PublishedUnhealthy
	default:
		return fmt.Errorf("published state %q is not HEALTHY or UNHEALTHY", text)
	}
	return nil
}

// HostSnapshot is one host as it stood at a Snapshot's instant. Configured (Weight, Zone), Verdict, Override and
// Published are separate, so that nobody has to guess which of them spoke.
type HostSnapshot struct {
	Host   Host
	Zone   string
	Weight uint32 // configured

	Verdict  State
	Since    time.Time // when the verdict began; zero for a host that was always healthy
	Until    time.Time // when the verdict ends by itself; zero if it does not
	Override *Override // the operator's word in force, nil if none; do not change it

	Published       Published
	PublishedWeight uint32

	WindowErrors   int // errors in the window now, counted up to the threshold
	WindowRequests int // requests in the window now, 0 if unknown
	WindowFailures int // errors in the window now, all of them, as the share of requests counts them
	Reporters      []string
	Witnesses      int // distinct Envoys that saw an error in the window, where min_reporters is above 1
	TotalErrors    uint64
	Observed       [OutcomeClasses]uint64 // observations by OutcomeClass
	Ejections      int                    // in the host's life
	Backoff        int                    // ejections that the backoff remembers: the next time out is doubled so often
	Refused        *Refusal               // an ejection wanted and not allowed now, nil if none; do not change it
	Last           *Transition            // its last change of verdict, nil if none; do not change it
}

// OutcomeClass groups observations for the metrics.
type OutcomeClass uint8

// The classes.
const (
	ClassSuccess    OutcomeClass = iota
	ClassError                   // a response that counts as an error
	ClassLocalError              // a failure that Envoy found, and that counts
	ClassIgnored                 // a failure that the policy does not count
	OutcomeClasses               // how many there are
)

var classNames = [...]string{"success", "error", "local_error", "ignored"}

// String returns the class's name as it stands in metrics.
func (c OutcomeClass) String() string { return classNames[c] }

// Refusal is an ejection wanted but not allowed.
type Refusal struct {
	Reason Reason
	Since  time.Time // when the ejection was first wanted
}

// Snapshot is one cluster as it stood at one instant. It is never changed after it is built.
type Snapshot struct {
	Cluster string
	At      time.Time
	Version uint64 // grows with each change of what is published
	Policy  Policy
	Hosts   []HostSnapshot // sorted by address

	Quorum  int  // Envoys that must have seen an error; 0 where one is enough
	Out     int  // hosts that are published UNHEALTHY, or would be if Enforce were true
	Panic   bool // Envoy would ignore the marks: fewer than PanicThreshold percent are left
	Failing bool // every host is failing
	Paused  bool

	Counters Counters
}

// Counters count what happened in a cluster since the process began.
type Counters struct {
	Errors     map[Cause]uint64
	Ejections  map[Reason]uint64
	Refusals   map[Reason]uint64
	Recoveries map[Reason]uint64
}
