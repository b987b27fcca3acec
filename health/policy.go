package health

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Policy holds the rules for one cluster. DefaultPolicy returns the product's defaults; the zero value is not
// valid. The configuration's key for each field is its name in snake_case.
type Policy struct {
	ErrorStatusCodes  StatusSet     // HTTP statuses that count as errors; every other status is a success
	ErrorThreshold    int           // this many errors ... (1 to MaxErrorThreshold)
	Window            time.Duration // ... no older than this, inclusive, eject the host (above 0, at most 24h)
	RecoveryTime      time.Duration // an ejected host comes back after this, inclusive (0 to 24h)
	RecoveryTimeMax   time.Duration // each ejection soon after the last doubles the time, up to this (RecoveryTime to 24h)
	RecoveryJitter    int           // percent of the time out that is added at most, by a draw (0 to 100)
	ErrorGRPCStatuses GRPCStatusSet // gRPC statuses that count as errors

	CountConnectFailures bool // a host that cannot be connected to has failed
	CountResets          bool // a host that resets before its response headers has failed
	CountTimeouts        bool // a host that does not answer in time has failed
	CountLateResets      bool // a host that resets after its response headers has failed
	CountHidden          bool // what load reports count as failed and nothing else has shown has failed

	MaxEjectionPercent     int // never more of the cluster's hosts out than this (0 to 100)
	MinHealthyHosts        int // never fewer hosts in than this (0 or more)
	MaxZoneEjectionPercent int // never more of one zone's hosts out than this (0 to 100)
	PanicThreshold         int // the cluster's healthy_panic_threshold in Envoy, percent (0 to 100)

	ProbationWeights        []int         // percent of a host's weight on its return, a step each (1 to 100); empty for none
	ProbationStep           time.Duration // how long each step lasts (above 0, at most 1h)
	ProbationErrorThreshold int           // this many errors in probation eject again (1 to MaxErrorThreshold)

	FailurePercent int // if above 0, the errors must be this share of the window's requests as well (0 to 100)
	MinRequests    int // if above 0, there must be this many requests in the window as well
	MinReporters   int // distinct Envoys that must have seen an error in the window (1 to MaxReporters)

	Ignore  []Ignore // responses that never count
	Enforce bool     // false: everything is decided and shown, nothing is published
}

// Ignore is one rule for responses that never count as errors, so that one broken route does not eject a host.
type Ignore struct {
	Route    string    // xds.route_name; empty for any route
	Statuses StatusSet // the statuses to ignore on it; the zero value for all
}

// Bounds of a Policy's fields that bound memory or EDS as well.
const (
	MaxErrorThreshold = 10_000
	MaxReporters      = 16
	maxDuration       = 24 * time.Hour
	maxProbationSteps = 10
)

// DefaultPolicy returns the product's defaults, a fresh copy at each call.
func DefaultPolicy() Policy {
	return Policy{
		ErrorStatusCodes:  Statuses(500, 502, 503, 504),
		ErrorThreshold:    5,
		Window:            30 * time.Second,
		RecoveryTime:      30 * time.Second,
		RecoveryTimeMax:   300 * time.Second,
		RecoveryJitter:    10,
		ErrorGRPCStatuses: GRPCStatuses(GRPCUnavailable, GRPCInternal, GRPCDataLoss, GRPCDeadlineExceeded),

		CountConnectFailures: true,
		CountResets:          true,
		CountTimeouts:        true,
		CountLateResets:      true,
		CountHidden:          true,

		MaxEjectionPercent:     50,
		MinHealthyHosts:        1,
		MaxZoneEjectionPercent: 100,
		PanicThreshold:         50,

		ProbationWeights:        []int{10, 25, 50},
		ProbationStep:           5 * time.Second,
		ProbationErrorThreshold: 2,

		MinReporters: 1,
		Enforce:      true,
	}
}

// IsErrorStatus says whether an HTTP status counts as an error under p.
func (p *Policy) IsErrorStatus(status int) bool { return p.ErrorStatusCodes.Has(status) }

// IsError says whether an observation counts as an error under p.
func (p *Policy) IsError(o *Observation) bool {
	switch o.Outcome {
	case Response:
		return (p.IsErrorStatus(o.Status) || p.ErrorGRPCStatuses.Has(o.GRPC)) && !p.Ignores(o)
	case ConnectFailure:
		return p.CountConnectFailures
	case Reset:
		return p.CountResets
	case Timeout:
		return p.CountTimeouts
	case LateReset:
		return p.CountLateResets
	case Hidden:
		return p.CountHidden
	default:
		return false
	}
}

// Ignores says whether one of the Ignore rules covers the observation.
func (p *Policy) Ignores(o *Observation) bool {
	for i := range p.Ignore {
		rule := &p.Ignore[i]
		if rule.Route != "" && rule.Route != o.Route {
			continue
		}
		if rule.Statuses == (StatusSet{}) || rule.Statuses.Has(o.Status) {
			return true
		}
	}
	return false
}

// FieldError is one fault of a Policy: which key, by its name in the configuration, and what is allowed.
type FieldError struct {
	Key     string
	Value   any
	Allowed string
}

// Error says the key, the value and what is allowed.
func (e *FieldError) Error() string {
	return fmt.Sprintf("%s: %v is not %s", e.Key, e.Value, e.Allowed)
}

// Validate returns all faults of the policy, joined, each a *FieldError.
func (p *Policy) Validate() error {
	return errors.Join(slices.Concat(p.validateTimes(), p.validateCounts(), p.validateProbation())...)
}

func (p *Policy) validateTimes() []error {
	return faults(
		check(p.Window > 0 && p.Window <= maxDuration, "window", p.Window, "above 0s and at most 24h"),
		check(p.RecoveryTime >= 0 && p.RecoveryTime <= maxDuration, "recovery_time", p.RecoveryTime, "0s to 24h"),
		check(p.RecoveryTimeMax >= p.RecoveryTime && p.RecoveryTimeMax <= maxDuration, "recovery_time_max",
			p.RecoveryTimeMax, fmt.Sprintf("recovery_time (%v) to 24h", p.RecoveryTime)),
		check(isPercent(p.RecoveryJitter), "recovery_jitter", p.RecoveryJitter, "0 to 100 percent"),
	)
}

func (p *Policy) validateCounts() []error {
	return faults(
		check(p.ErrorThreshold >= 1 && p.ErrorThreshold <= MaxErrorThreshold, "error_threshold",
			p.ErrorThreshold, fmt.Sprintf("1 to %d", MaxErrorThreshold)),
		check(isPercent(p.MaxEjectionPercent), "max_ejection_percent", p.MaxEjectionPercent, "0 to 100"),
		check(isPercent(p.MaxZoneEjectionPercent), "max_zone_ejection_percent", p.MaxZoneEjectionPercent, "0 to 100"),
		check(isPercent(p.PanicThreshold), "panic_threshold", p.PanicThreshold, "0 to 100"),
		check(p.MinHealthyHosts >= 0, "min_healthy_hosts", p.MinHealthyHosts, "0 or more"),
		check(isPercent(p.FailurePercent), "failure_percent", p.FailurePercent, "0 to 100"),
		check(p.MinRequests >= 0, "min_requests", p.MinRequests, "0 or more"),
		check(p.MinReporters >= 1 && p.MinReporters <= MaxReporters, "min_reporters",
			p.MinReporters, fmt.Sprintf("1 to %d", MaxReporters)),
	)
}

func (p *Policy) validateProbation() []error {
	found := faults(
		check(p.ProbationStep > 0 && p.ProbationStep <= time.Hour, "probation_step", p.ProbationStep, "above 0s and at most 1h"),
		check(p.ProbationErrorThreshold >= 1 && p.ProbationErrorThreshold <= MaxErrorThreshold,
			"probation_error_threshold", p.ProbationErrorThreshold, fmt.Sprintf("1 to %d", MaxErrorThreshold)),
		check(len(p.ProbationWeights) <= maxProbationSteps, "probation_weights", len(p.ProbationWeights),
			fmt.Sprintf("at most %d steps", maxProbationSteps)),
	)
	for _, weight := range p.ProbationWeights {
		found = append(found, faults(check(weight >= 1 && weight <= 100, "probation_weights", weight, "1 to 100 percent"))...)
	}
	return found
}

func isPercent(n int) bool { return n >= 0 && n <= 100 }

func check(ok bool, key string, value any, allowed string) error {
	if ok {
		return nil
	}
	return &FieldError{Key: key, Value: value, Allowed: allowed}
}

func faults(errs ...error) []error {
	return slices.DeleteFunc(errs, func(err error) bool { return err == nil })
}
