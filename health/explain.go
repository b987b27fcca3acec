package health

import (
	"fmt"
	"strconv"
	"time"
)

// Rule is one rule's say on ejecting a host now: its value, what it is compared with, and whether it allows the ejection.
type Rule struct {
	Name   string `json:"rule"`  // its key in the configuration
	Value  string `json:"value"` // as it stands
	Bound  string `json:"bound"` // what it takes
	Allows bool   `json:"allows"`
}

// Explain returns every rule's say on ejecting the i-th host of the snapshot, in the order in which they are asked. The
// host is ejected when the next error finds all of them allowing it.
func Explain(s *Snapshot, i int) []Rule {
	h, p := &s.Hosts[i], &s.Policy
	rules := []Rule{{
		Name: "verdict", Value: h.Verdict.String(), Bound: "healthy or probation", Allows: h.Verdict != Ejected,
	}, countRule(h, p)}
	if p.MinRequests > 0 {
		rules = append(rules, Rule{
			"min_requests", fmt.Sprintf("%d requests in %v", h.WindowRequests, p.Window),
			fmt.Sprintf(">= %d", p.MinRequests), h.Verdict == Probation || max(h.WindowRequests, h.WindowFailures) >= p.MinRequests,
		})
	}
	if p.FailurePercent > 0 {
		requests := max(h.WindowRequests, h.WindowFailures)
		rules = append(rules, Rule{
			"failure_percent", fmt.Sprintf("%d of %d requests failed", h.WindowFailures, requests),
			fmt.Sprintf(">= %d%%", p.FailurePercent), h.WindowFailures*100 >= p.FailurePercent*requests,
		})
	}
	if s.Quorum > 0 {
		rules = append(rules, Rule{
			"min_reporters", fmt.Sprintf("%d Envoys saw an error", h.Witnesses), fmt.Sprintf(">= %d", s.Quorum), h.Witnesses >= s.Quorum,
		})
	}
	return append(append(rules, orderRules(s, h)...), capRules(s, h)...)
}

func countRule(h *HostSnapshot, p *Policy) Rule {
	key, bound := "error_threshold", p.ErrorThreshold
	if h.Verdict == Probation {
		key, bound = "probation_error_threshold", min(p.ProbationErrorThreshold, p.ErrorThreshold)
	}
	return Rule{key, fmt.Sprintf("%d errors in %v", h.WindowErrors, p.Window), fmt.Sprintf(">= %d", bound), h.WindowErrors >= bound}
}

// orderRules are what operators and the configuration say.
func orderRules(s *Snapshot, h *HostSnapshot) []Rule {
	word := "none"
	if h.Override != nil {
		word = string(h.Override.Action) + " by " + h.Override.CreatedBy
	}
	return []Rule{
		{"pause", strconv.FormatBool(s.Paused), "false", !s.Paused},
		{"override", word, "none", h.Override == nil},
		{"enforce", strconv.FormatBool(s.Policy.Enforce), "true", s.Policy.Enforce},
	}
}

// capRules are the limits on how many may be out.
func capRules(s *Snapshot, h *HostSnapshot) []Rule {
	p, hosts := &s.Policy, len(s.Hosts)
	zone, zoneOut := 0, 0
	for i := range s.Hosts {
		if other := &s.Hosts[i]; other.Zone == h.Zone {
			zone++
			zoneOut += btoi(other.isOut())
		}
	}
	out := s.Out + btoi(!h.isOut())
	zoneOut += btoi(!h.isOut())
	return []Rule{
		{
			"max_ejection_percent", fmt.Sprintf("%d of %d hosts would be out", out, hosts),
			fmt.Sprintf("<= %d%%", p.MaxEjectionPercent), out*100 <= p.MaxEjectionPercent*hosts,
		},
		{
			"min_healthy_hosts", fmt.Sprintf("%d hosts would be in", hosts-out), fmt.Sprintf(">= %d", p.MinHealthyHosts),
			hosts-out >= p.MinHealthyHosts,
		},
		{
			"max_zone_ejection_percent", fmt.Sprintf("%d of %d hosts of its zone would be out", zoneOut, zone),
			fmt.Sprintf("<= %d%%", p.MaxZoneEjectionPercent), zoneOut*100 <= p.MaxZoneEjectionPercent*zone,
		},
	}
}

// isOut says of a snapshot what it says of a host: out of rotation, or it would be if the policy were enforced.
func (h *HostSnapshot) isOut() bool {
	ordered := Action("")
	if h.Override != nil {
		ordered = h.Override.Action
	}
	return ordered == ActionEject || h.Verdict == Ejected && ordered != ActionKeep
}

// Outlook says in a sentence what is to come for the i-th host of the snapshot.
func Outlook(s *Snapshot, i int) string {
	h := &s.Hosts[i]
	left := func(t time.Time) time.Duration { return t.Sub(s.At).Round(time.Second) }
	switch {
	case h.Override != nil && h.Override.Action != ActionPause:
		o := h.Override
		return fmt.Sprintf("%s orders %s for another %v: %s", o.CreatedBy, o.Action, left(o.EndsAt), o.Comment)
	case h.Verdict == Ejected && h.Last != nil:
		return fmt.Sprintf("out for another %v: %s", left(h.Until), h.Last.Text())
	case h.Verdict == Ejected:
		return fmt.Sprintf("out for another %v, until %s", left(h.Until), clock(h.Until))
	case h.Refused != nil:
		return "its ejection is wanted and refused: " + refusalText[h.Refused.Reason]
	case h.Verdict == Probation:
		return fmt.Sprintf("in at %d of %d weight; at full weight in %v if it does well", h.PublishedWeight, h.Weight, left(h.Until))
	}
	missing := max(s.Policy.ErrorThreshold-h.WindowErrors, 1) // a reload may have lowered the threshold
	return fmt.Sprintf("in; %d more errors within %v would eject it, if the other rules allow it", missing, s.Policy.Window)
}
