package config

import (
	"errors"
	"strconv"

	"go.yaml.in/yaml/v4"

	"github.com/envoy-passive-health/passive-health/health"
)

// policy reads the keys that are there over what p holds. The bounds are health's own.
func (d *decoder) policy(n *yaml.Node, path string, p *health.Policy) {
	d.object(n, path, d.policyFields(p)) // a value that cannot be read leaves the valid one before it
	if valueOf(n, "recovery_time_max") == n {
		p.RecoveryTimeMax = max(p.RecoveryTimeMax, p.RecoveryTime) // only the time itself is set
	}
	err := p.Validate()
	if err == nil {
		d.checkPanic(n, path, p)
		return
	}
	for _, fault := range err.(interface{ Unwrap() []error }).Unwrap() { //nolint:errcheck,forcetypeassert // errors.Join made it
		if f, ok := errors.AsType[*health.FieldError](fault); ok {
			d.faultf(valueOf(n, f.Key), join(path, f.Key), "%v is not %s", f.Value, f.Allowed)
		}
	}
}

// policyFields reads values of the right kind; their bounds are checked for the policy as a whole.
func (d *decoder) policyFields(p *health.Policy) map[string]field {
	return map[string]field{
		"error_status_codes":        d.statuses(&p.ErrorStatusCodes),
		"error_threshold":           d.whole(&p.ErrorThreshold),
		"window":                    d.duration(&p.Window, -1),
		"recovery_time":             d.duration(&p.RecoveryTime, -1),
		"recovery_time_max":         d.duration(&p.RecoveryTimeMax, -1),
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
		"probation_step":            d.duration(&p.ProbationStep, -1),
		"probation_error_threshold": d.whole(&p.ProbationErrorThreshold),
		"failure_percent":           d.whole(&p.FailurePercent),
		"min_requests":              d.whole(&p.MinRequests),
		"min_reporters":             d.whole(&p.MinReporters),
		"ignore":                    d.ignore(&p.Ignore),
		"enforce":                   d.truth(&p.Enforce),
	}
}

// checkPanic refuses a cap beyond which Envoy would panic and send traffic to every host, marked or not.
func (d *decoder) checkPanic(n *yaml.Node, path string, p *health.Policy) {
	if p.MaxEjectionPercent > 100-p.PanicThreshold {
		d.faultf(valueOf(n, "max_ejection_percent"), join(path, "max_ejection_percent"),
			"%d is not at most %d: with fewer than %d percent of its hosts healthy Envoy panics and ignores the marks; if the "+
				"cluster's healthy_panic_threshold is lower, say so in panic_threshold", p.MaxEjectionPercent, 100-p.PanicThreshold, p.PanicThreshold)
	}
}

func (d *decoder) statuses(to *health.StatusSet) field {
	return func(n *yaml.Node, path string) {
		var codes []int
		d.list(n, path, func(n *yaml.Node, path string) {
			var code int
			d.number(&code, 100, 599)(n, path)
			codes = append(codes, code)
		})
		*to = health.Statuses(codes...)
	}
}

func (d *decoder) grpcStatuses(to *health.GRPCStatusSet) field {
	return func(n *yaml.Node, path string) {
		var codes []health.GRPCStatus
		d.list(n, path, func(n *yaml.Node, path string) {
			status, ok := health.ParseGRPCStatus(n.Value)
			if number, err := strconv.ParseUint(n.Value, 10, 8); err == nil && number <= 16 {
				status, ok = health.GRPCStatus(number), true
			}
			if !ok || status == 0 || n.Kind != yaml.ScalarNode {
				d.faultf(n, path, "%s is not a failing gRPC status: a name such as UNAVAILABLE, or 1 to 16", describe(n))
				return
			}
			codes = append(codes, status)
		})
		*to = health.GRPCStatuses(codes...)
	}
}

func (d *decoder) weights(to *[]int) field {
	return func(n *yaml.Node, path string) {
		weights := []int{}
		d.list(n, path, func(n *yaml.Node, path string) {
			var weight int
			d.number(&weight, 1, 100)(n, path)
			weights = append(weights, weight)
		})
		*to = weights
	}
}

func (d *decoder) ignore(to *[]health.Ignore) field {
	return func(n *yaml.Node, path string) {
		rules := []health.Ignore{}
		d.list(n, path, func(n *yaml.Node, path string) {
			var rule health.Ignore
			d.object(n, path, map[string]field{"route": d.text(&rule.Route), "statuses": d.statuses(&rule.Statuses)})
			if rule == (health.Ignore{}) {
				d.faultf(n, path, "names neither a route nor statuses: it would ignore everything")
			}
			rules = append(rules, rule)
		})
		*to = rules
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
