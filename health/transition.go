package health

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// State is the verdict on a host.
type State uint8

// The verdicts.
const (
	Healthy   State = iota // in rotation at full weight
	Ejected                // out of rotation until its time is over
	Probation              // back in rotation at reduced weight
)

var stateNames = [...]string{"healthy", "ejected", "probation"}

// String returns the state's name as it stands in metrics and the API.
func (s State) String() string { return stateNames[s] }

// MarshalText writes the state's name.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a state's name.
func (s *State) UnmarshalText(text []byte) error {
	for i, name := range stateNames {
		if name == string(text) {
			*s = State(i)
			return nil
		}
	}
	return fmt.Errorf("state %q is not one of %s", text, strings.Join(stateNames[:], ", "))
}

// Kind says what a Transition reports.
type Kind string

// The kinds of transition. The names are those of the event log.
const (
	HostEjected     Kind = "host.ejected"
	HostProbation   Kind = "host.probation" // back at reduced weight
	HostRecovered   Kind = "host.recovered" // back, or on, at full weight
	EjectRefused    Kind = "eject.refused"  // an ejection wanted but not allowed; the state stays
	ClusterFailing  Kind = "cluster.failing"
	ClusterPassed   Kind = "cluster.passed" // no longer failing as a whole
	OverrideCreated Kind = "override.created"
	OverrideEnded   Kind = "override.ended"
)

// Reason is the rule behind a transition, one word, as it stands in metrics and the API.
type Reason string

// The reasons for ejecting a host, for bringing it back, and for refusing to eject it.
const (
	ReasonErrors    Reason = "errors"    // error_threshold errors within the window
	ReasonProbation Reason = "probation" // probation_error_threshold errors in probation

	ReasonTimer   Reason = "timer"   // its time out, or its probation, is over
	ReasonReset   Reason = "reset"   // an operator reset it
	ReasonCap     Reason = "cap"     // the cap shrank, or an operator ejected others: longest out first
	ReasonRemoved Reason = "removed" // it left the cluster

	RefusedMaxPercent     Reason = "max_percent"      // max_ejection_percent
	RefusedMaxZonePercent Reason = "max_zone_percent" // max_zone_ejection_percent
	RefusedMinHealthy     Reason = "min_healthy"      // min_healthy_hosts
	RefusedQuorum         Reason = "quorum"           // min_reporters
	RefusedMinRequests    Reason = "min_requests"
	RefusedRatio          Reason = "ratio"    // failure_percent
	RefusedShadow         Reason = "shadow"   // enforce is false: decided, not published
	RefusedPaused         Reason = "paused"   // an operator paused the automation
	RefusedOverride       Reason = "override" // an operator keeps the host in

	ReasonAllFailing Reason = "all_failing" // the cluster's hosts, without exception
	ReasonSomeWell   Reason = "some_well"   // no longer all of them

	ReasonOperator Reason = "operator"
	ReasonExpired  Reason = "expired"
)

// Evidence is what a verdict rested on: the newest errors in the window, as many as the rule needed.
type Evidence struct {
	Errors    int          `json:"errors"`             // in the window, counted up to the threshold
	Threshold int          `json:"threshold"`          // the one that applied
	Requests  int          `json:"requests,omitempty"` // in the window, 0 if unknown
	First     time.Time    `json:"first"`              // of the errors
	Last      time.Time    `json:"last"`
	Causes    []CauseCount `json:"causes,omitempty"`
	Reporters []string     `json:"reporters,omitempty"` // the Envoys that saw them, sorted
}

// CauseCount says how many of the errors had one cause.
type CauseCount struct {
	Cause Cause `json:"cause"`
	Count int   `json:"count"`
}

// Transition is one thing that happened to a host or a cluster: a change of verdict, a refusal, an override. It is
// a value; whoever holds it may keep it.
type Transition struct {
	Kind     Kind
	At       time.Time
	Host     Host // Address is not valid where the whole cluster is meant
	From, To State
	Reason   Reason
	Evidence Evidence
	Until    time.Time // when what began here ends by itself; zero if it does not
	Ejection int       // with HostEjected: the how manyeth in the host's life, from 1
	Override *Override // with override kinds
}

// Text says the transition in words, for logs, the page and the command line.
func (t Transition) Text() string {
	switch t.Kind {
	case HostEjected:
		return fmt.Sprintf("%s (rule %s >= %d), %s ejection, back at %s",
			t.Evidence, t.Reason, t.Evidence.Threshold, ordinal(t.Ejection), clock(t.Until))
	case HostProbation:
		return fmt.Sprintf("back at reduced weight (%s), probation until %s", t.Reason, clock(t.Until))
	case HostRecovered:
		return fmt.Sprintf("at full weight (%s)", t.Reason)
	case EjectRefused:
		return fmt.Sprintf("%s: not ejected, %s", t.Evidence, refusalText[t.Reason])
	case ClusterFailing:
		return "every host is failing: this is not one host's problem, nothing more goes out than the cap allows"
	case ClusterPassed:
		return "no longer every host is failing"
	default:
		return t.overrideText()
	}
}

func (t Transition) overrideText() string {
	if t.Override == nil {
		return string(t.Kind)
	}
	if t.Kind == OverrideEnded {
		return fmt.Sprintf("%s by %s ended (%s)", t.Override.Action, t.Override.CreatedBy, t.Reason)
	}
	return fmt.Sprintf("%s by %s until %s: %s", t.Override.Action, t.Override.CreatedBy, clock(t.Override.EndsAt), t.Override.Comment)
}

var refusalText = map[Reason]string{
	RefusedMaxPercent:     "as many hosts are out as max_ejection_percent allows",
	RefusedMaxZonePercent: "as many hosts of its zone are out as max_zone_ejection_percent allows",
	RefusedMinHealthy:     "no more hosts are in than min_healthy_hosts demands",
	RefusedQuorum:         "fewer Envoys than min_reporters saw it fail",
	RefusedMinRequests:    "fewer requests than min_requests in the window",
	RefusedRatio:          "the errors are a smaller share of its requests than failure_percent",
	RefusedShadow:         "enforce is false: decided and shown, not published",
	RefusedPaused:         "an operator paused the automation",
	RefusedOverride:       "an operator keeps it in",
}

// String says the evidence in words: "5 errors in 300ms (5 x 503), seen by envoy-a".
func (e Evidence) String() string {
	causes := make([]string, len(e.Causes))
	for i, c := range e.Causes {
		causes[i] = fmt.Sprintf("%d x %s", c.Count, c.Cause)
	}
	text := fmt.Sprintf("%d errors in %v (%s)", e.Errors, e.Last.Sub(e.First).Round(time.Millisecond), strings.Join(causes, ", "))
	if len(e.Reporters) > 0 {
		text += ", seen by " + strings.Join(e.Reporters, ", ")
	}
	return text
}

func clock(t time.Time) string { return t.Format("15:04:05") }

func ordinal(n int) string {
	suffix := "th"
	switch {
	case n%100 >= 11 && n%100 <= 13:
	case n%10 == 1:
		suffix = "st"
	case n%10 == 2:
		suffix = "nd"
	case n%10 == 3:
		suffix = "rd"
	}
	return fmt.Sprintf("%d%s", n, suffix)
}

// Action is what an operator orders.
type Action string

// The actions.
const (
	ActionEject Action = "eject" // out of rotation, whatever the verdict
	ActionKeep  Action = "keep"  // in rotation, whatever the verdict
	ActionPause Action = "pause" // the automation ejects nothing; what is out comes back on time
)

// Override is an operator's word on hosts, with an author, a comment and an end. It never changes the verdict
// beneath it.
type Override struct {
	ID        string           `json:"id"`
	Cluster   string           `json:"cluster,omitempty"` // empty, with ActionPause only: every cluster
	Hosts     []netip.AddrPort `json:"hosts,omitempty"`   // empty: every host of the cluster
	Action    Action           `json:"action"`
	CreatedBy string           `json:"created_by"`
	Comment   string           `json:"comment"`
	Link      string           `json:"link,omitempty"` // to a ticket or the like; nothing here reads it
	CreatedAt time.Time        `json:"created_at"`
	EndsAt    time.Time        `json:"ends_at"`
	EndedAt   time.Time        `json:"ended_at,omitzero"` // when it ended early, by an operator; zero otherwise
}

// Active says whether the override holds at the given time.
func (o *Override) Active(at time.Time) bool { return o.EndedAt.IsZero() && at.Before(o.EndsAt) }

// Covers says whether the override is about the host.
func (o *Override) Covers(h Host) bool {
	if o.Cluster != "" && o.Cluster != h.Cluster {
		return false
	}
	return len(o.Hosts) == 0 || slices.Contains(o.Hosts, h.Address)
}
