package processor

import (
	"time"

	"github.com/envoy-passive-health/passive-health/health"
)

// firstServerError is the least HTTP status that Envoy's load report counts as a failure.
const firstServerError = 500

// reportedGRPC are the gRPC statuses that it counts as failures: those that Envoy maps to an HTTP status of 500 and
// above. UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE and DATA_LOSS; the policy has no say in it.
var reportedGRPC = health.GRPCStatuses(2, 4, 12, 13, 14, 15)

// reported says whether Envoy's load report counts what was observed as a failure of the host, whatever the rules say.
func reported(o *health.Observation) bool {
	switch o.Outcome {
	case health.Response:
		return o.Status >= firstServerError || reportedGRPC.Has(o.GRPC)
	case health.ConnectFailure, health.Reset, health.Timeout:
		return true
	case health.LateReset:
		return true // for gRPC it does and for HTTP it does not: in doubt it is not charged once more
	default:
		return false
	}
}

// recordShown records what a sensor saw of one attempt.
func (s *Server) recordShown(at time.Time, o health.Observation) {
	s.recorder.Record(at, o)
	s.stats.observations.Add(1)
	s.show(&o)
}

// show tells the ledger of an Observation, so that the report that counts the same failure does not charge it again.
func (s *Server) show(o *health.Observation) {
	if reported(o) && s.roster.Load().has(o.Host) {
		s.ledger.shown(o.Reporter, failed{o.Host, 1})
	}
}

// excuse tells the ledger of a response that is charged to nobody although it names a host, such as an overflow: the
// report counts it as that host's failure all the same.
func (s *Server) excuse(f *Facts) {
	if o, counted := excused(f); counted {
		s.names.own(&o)
		s.show(&o)
	}
}

// excused says which host a message names that is charged to nobody, and whether a load report counts it as that host's
// failure.
func excused(f *Facts) (o health.Observation, counted bool) {
	o.Reporter, o.Route = name(f.Attributes.Reporter), name(f.Attributes.Route)
	h, drop := host(&f.Attributes)
	if drop != "" {
		return o, false
	}
	o.Host = h
	if f.interim() || f.Kind != ResponseHeaders && f.Kind != ResponseTrailers {
		return o, false
	}
	o.Status, o.GRPC, drop = answer(f)
	return o, drop == "" && reported(&o)
}
