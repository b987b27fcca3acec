package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v4"

	"github.com/envoy-passive-health/passive-health/health"
)

// policy reads the keys that are there over what p holds. The bounds are health's own.
func (d *decoder) policy(n *yaml.Node, path string, p *health.Policy) {
	inherited := policyFaults(p)
	d.object(n, path, d.policyFields(p)) // a value that cannot be read leaves the one before it
	if valueOf(n, "recovery_time_max") == n {
		p.RecoveryTimeMax = max(p.RecoveryTimeMax, p.RecoveryTime) // only the time itself is set
	}
	for _, f := range policyFaults(p) {
		at := valueOf(n, f.Key)
		if at == n && slices.Contains(inherited, f) {
			continue // it is said where it stands
		}
		if at == n && f.Key == "max_ejection_percent" {
			at = valueOf(n, "panic_threshold")
		}
		d.faultf(at, join(path, f.Key), "%v is not %s", f.Value, f.Allowed)
	}
}

// policyFaults returns what is wrong with a policy as a whole. That includes a cap beyond which Envoy would panic and
// send traffic to every host, marked or not.
func policyFaults(p *health.Policy) []health.FieldError {
	var found []health.FieldError
	if joined, ok := p.Validate().(interface{ Unwrap() []error }); ok {
		for _, err := range joined.Unwrap() {
			if f, ok := errors.AsType[*health.FieldError](err); ok {
				found = append(found, *f)
			}
		}
	}
	if most := 100 - p.PanicThreshold; p.MaxEjectionPercent > most && p.MaxEjectionPercent <= 100 && most >= 0 {
		found = append(found, health.FieldError{
			Key: "max_ejection_percent", Value: p.MaxEjectionPercent,
			Allowed: fmt.Sprintf("at most %d: with fewer than %d percent of its hosts healthy Envoy panics and ignores the marks; "+
				"if the cluster's healthy_panic_threshold is lower, say so in panic_threshold", most, p.PanicThreshold),
		})
	}
	return found
}

// policyFields reads values of the right kind; their bounds are checked for the policy as a whole.
func (d *decoder) policyFields(p *health.Policy) map[string]field {
	return map[string]field{
		"error_status_codes":        d.statuses(&p.ErrorStatusCodes),
		"error_threshold":           d.whole(&p.ErrorThreshold),
		"window":                    d.duration(&p.Window),
		"recovery_time":             d.duration(&p.RecoveryTime),
		"recovery_time_max":         d.duration(&p.RecoveryTimeMax),
		"recovery_jitter":           d.whole(&p.RecoveryJitter),
		"error_grpc_statuses":       d.grpcStatuses(&p.ErrorGRPCStatuses),
		"count_connect_failures":    d.truth(&p.CountConnectFailures),
		"count_resets":              d.truth(&p.CountResets),
		"count_timeouts":            d.truth(&p.CountTimeouts),
		"count_late_resets":         d.truth(&p.CountLateResets),
		"count_hidden":              d.truth(&p.CountHidden),
		"max_ejection_percent":      d.whole(&p.MaxEjectionPercent),
		"min_healthy_hosts":         d.whole(&p.MinHealthyHosts),
		"max_zone_ejection_percent": d.whole(&p.MaxZoneEjectionPercent),
		"panic_threshold":           d.whole(&p.PanicThreshold),
		"probation_weights":         d.weights(&p.ProbationWeights),
		"probation_step":            d.duration(&p.ProbationStep),
		"probation_error_threshold": d.whole(&p.ProbationErrorThreshold),
		"failure_percent":           d.whole(&p.FailurePercent),
		"min_requests":              d.whole(&p.MinRequests),
		"min_reporters":             d.whole(&p.MinReporters),
		"ignore":                    d.ignore(&p.Ignore),
		"enforce":                   d.truth(&p.Enforce),
	}
}

func (d *decoder) statuses(to *health.StatusSet) field {
	return func(n *yaml.Node, path string) {
		var codes []int
		if d.list(n, path, func(n *yaml.Node, path string) {
			var code int // stays 0, which is no status, where there is a fault
			d.number(&code, 100, 599)(n, path)
			codes = append(codes, code)
		}) {
			*to = health.Statuses(codes...)
		}
	}
}

func (d *decoder) grpcStatuses(to *health.GRPCStatusSet) field {
	return func(n *yaml.Node, path string) {
		var codes []health.GRPCStatus
		if d.list(n, path, func(n *yaml.Node, path string) {
			status, ok := health.ParseGRPCStatus(n.Value)
			if number, err := strconv.ParseUint(n.Value, 10, 8); err == nil && number <= 16 {
				status, ok = health.GRPCStatus(number), true
			}
			if !ok || status == 0 || n.Kind != yaml.ScalarNode {
				d.faultf(n, path, "%s is not a failing gRPC status: a name such as UNAVAILABLE, or 1 to 16", describe(n))
				return
			}
			codes = append(codes, status)
		}) {
			*to = health.GRPCStatuses(codes...)
		}
	}
}

func (d *decoder) weights(to *[]int) field {
	return func(n *yaml.Node, path string) {
		weights := []int{}
		if d.list(n, path, func(n *yaml.Node, path string) {
			var weight int
			if d.number(&weight, 1, 100)(n, path); weight > 0 {
				weights = append(weights, weight)
			}
		}) {
			*to = weights
		}
	}
}

func (d *decoder) ignore(to *[]health.Ignore) field {
	return func(n *yaml.Node, path string) {
		rules := []health.Ignore{}
		if d.list(n, path, func(n *yaml.Node, path string) {
			var rule health.Ignore
			keys := map[string]field{"route": d.text(&rule.Route, 0, maxName), "statuses": d.statuses(&rule.Statuses)}
			before := len(d.faults)
			if d.object(n, path, keys) && rule == (health.Ignore{}) && len(d.faults) == before {
				d.faultf(n, path, "names neither a route nor statuses: it would ignore everything")
			}
			rules = append(rules, rule)
		}) {
			*to = rules
		}
	}
}

// valueOf returns the value of a key of a mapping, or the mapping itself where the key is not there.
func valueOf(n *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return n
}
