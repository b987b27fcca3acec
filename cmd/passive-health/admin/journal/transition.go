package journal

import "github.com/envoy-passive-health/passive-health/health"

// Transition returns the event of a transition.
func Transition(t *health.Transition) Event {
	e := Event{At: t.At, Name: string(t.Kind), Text: t.Text(), Cluster: t.Host.Cluster, Reason: t.Reason}
	if t.Host.Address.IsValid() {
		e.Host, e.From, e.To = t.Host.Address.String(), t.From.String(), t.To.String()
	}
	if !t.Until.IsZero() {
		e.Until = new(t.Until)
	}
	if t.Evidence.Errors > 0 {
		e.Evidence = evidence(&t.Evidence)
	}
	if t.Override != nil {
		e.Override, e.By = t.Override.ID, t.Override.CreatedBy
	}
	return e
}

func evidence(e *health.Evidence) *Evidence {
	codes := map[string]int{}
	for _, c := range e.Causes {
		codes[c.Cause.String()] += c.Count
	}
	return &Evidence{
		Errors: e.Errors, Threshold: e.Threshold, Requests: e.Requests, First: e.First, Last: e.Last, Codes: codes, Reporters: e.Reporters,
	}
}
