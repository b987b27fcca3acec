package processor

import (
	"fmt"
	"strings"

	"github.com/envoy-passive-health/passive-health/health"
)

// Explanation says what becomes of one ProcessingRequest, and why.
type Explanation struct {
	// Observation is what is handed to the rules. If there is a Drop, nothing is, and of the Observation only Host,
	// Reporter and Route mean something: who is named all the same, as far as anybody is.
	Observation health.Observation
	Drop        Drop
	// Rule is why, in words.
	Rule string
	// Reported says whether Envoy's load report counts the same as a failure of the host, which this message then explains.
	Reported bool
}

// Explain reads the bytes of one ProcessingRequest as the server would as the first message of a stream. It returns an
// error for what the server refuses.
func Explain(message []byte) (Explanation, error) {
	if len(message) > MaxMessage {
		return Explanation{}, fmt.Errorf("message: %d bytes are more than %d", len(message), MaxMessage)
	}
	f, err := ReadFacts(message)
	if err != nil {
		return Explanation{}, err
	}
	var e Explanation
	e.Observation, e.Drop = Observe(&f)
	if e.Drop == "" {
		e.Rule = charges[e.Observation.Outcome]
		e.Reported = reported(&e.Observation)
	} else {
		e.Rule = drops[e.Drop]
		e.Observation, e.Reported = excused(&f)
	}
	if f.Kind == ResponseHeaders && len(f.Attributes.Details) > 0 {
		e.Rule = fmt.Sprintf("response.code_details is %q: %s", f.Attributes.Details, e.Rule)
	}
	o := &e.Observation
	o.Host.Cluster, o.Reporter, o.Route = strings.Clone(o.Host.Cluster), strings.Clone(o.Reporter), strings.Clone(o.Route)
	return e, nil
}

// charges are the rules by which a host is charged.
var charges = map[health.Outcome]string{
	health.Response:       "the host itself answered",
	health.ConnectFailure: "Envoy could not connect to the host",
	health.Reset:          "the host broke off, or sent garbage, before its response headers",
	health.Timeout:        "the host's response headers did not come in time",
}

// drops are the rules by which nobody is.
var drops = map[Drop]string{
	DropNoResponse: "this message is not a response",
	DropInterim:    "this response is an interim one, and the final one is to come",
	DropNoDetails:  "response.code_details is missing, so nobody knows who answered",
	DropNoRoute:    "Envoy answered itself, for want of a route or of its cluster",
	DropOverflow:   "a circuit breaker is full, which is the load and not the host's doing",
	DropLocalReply: "Envoy answered itself, and no host is to blame",
	DropNoHost:     "no host was chosen",
	DropBadAddress: "upstream.address is not ip:port",
	DropNoCluster:  "xds.cluster_name is missing",
	DropNoStatus:   "the host answered, but with what is not said",
}
