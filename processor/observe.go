package processor

import (
	"bytes"
	"unsafe"

	"github.com/envoy-passive-health/passive-health/health"
)

// Drop says why a message, an entry or a report did not become an Observation. Its values are the reasons in
// passive_health_observations_dropped_total. The empty one says that it did.
type Drop string

// The reasons. Cluster and host being unknown is not among them: package health counts those.
const (
	DropMalformed  Drop = "malformed"   // protobuf refuses the bytes
	DropTooLarge   Drop = "too_large"   // more bytes than are read
	DropUnexpected Drop = "unexpected"  // none of the six messages
	DropNoResponse Drop = "no_response" // a message that is no response
	DropInterim    Drop = "interim"     // a 1xx response: the final one is to come
	DropNoDetails  Drop = "no_details"  // response.code_details is missing, so nobody knows who answered
	DropNoRoute    Drop = "no_route"    // no route, or a route to no cluster
	DropOverflow   Drop = "overflow"    // a circuit breaker: our caller's load, though a host may be named
	DropLocalReply Drop = "local_reply" // Envoy's own answer, for which no host is to blame
	DropNoHost     Drop = "no_host"     // no host was chosen
	DropBadAddress Drop = "bad_address" // the host is not ip:port, such as a pipe or an internal listener
	DropNoCluster  Drop = "no_cluster"  // xds.cluster_name is missing
	DropNoStatus   Drop = "no_status"   // how the attempt at the host ended is not said
	DropDoubled    Drop = "doubled"     // a load report once more
	DropSensorOff  Drop = "sensor_off"  // told by a sensor that the cluster is not configured to use
)

// Drops returns all reasons.
func Drops() []Drop {
	return []Drop{
		DropMalformed, DropTooLarge, DropUnexpected, DropNoResponse, DropInterim, DropNoDetails, DropNoRoute, DropOverflow,
		DropLocalReply, DropNoHost, DropBadAddress, DropNoCluster, DropNoStatus, DropDoubled,
		DropSensorOff,
	}
}

// MaxName bounds the names of a reporter and of a route, in bytes. A longer one is taken as not said: cut short it
// would be a name that nobody has.
const MaxName = 256

// Observe says which host a response is to be charged to and how, or, with a Drop, why to none; the Observation then
// means nothing. It is pure. The texts are parts of the message, as those of the Facts are.
func Observe(f *Facts) (o health.Observation, drop Drop) {
	switch {
	case f.Kind != ResponseHeaders && f.Kind != ResponseTrailers:
		return o, DropNoResponse
	case f.interim():
		return o, DropInterim
	}
	if o.Outcome, drop = blame(f.Attributes.Details); drop != "" {
		return o, drop
	}
	if o.Host, drop = host(&f.Attributes); drop != "" {
		return o, drop
	}
	if o.Outcome == health.Response {
		// Envoy's own answer to a gRPC caller has a grpc-status too. It is Envoy's word, not the host's, so only here.
		o.Status, o.GRPC, drop = answer(f)
	}
	o.Reporter, o.Route = name(f.Attributes.Reporter), name(f.Attributes.Route)
	return o, drop
}

// interim says whether these are headers before the final ones. 101 is final: it ends HTTP on the connection.
func (f *Facts) interim() bool {
	const continueStatus, switchingProtocols, ok = 100, 101, 200
	s := f.Message.Status
	return f.Kind == ResponseHeaders && s >= continueStatus && s < ok && s != switchingProtocols
}

// blame reads response.code_details: who answered, and what it was if that was a host's doing.
func blame(details []byte) (health.Outcome, Drop) {
	if cause, ok := bytes.CutPrefix(details, []byte("upstream_reset_before_response_started{")); ok {
		return blameReset(cause)
	}
	switch string(details) {
	case "via_upstream":
		return health.Response, ""
	case "response_timeout", "upstream_per_try_timeout":
		return health.Timeout, ""
	case "":
		return 0, DropNoDetails
	case "route_not_found", "cluster_not_found":
		return 0, DropNoRoute
	case "no_healthy_upstream":
		return 0, DropNoHost
	default:
		return 0, DropLocalReply
	}
}

// blameReset reads what stands between the braces: "overflow}", "remote_connection_failure|Connection_refused}".
func blameReset(cause []byte) (health.Outcome, Drop) {
	if end := bytes.IndexAny(cause, "|}"); end >= 0 {
		cause = cause[:end]
	}
	switch string(cause) {
	case "overflow":
		return 0, DropOverflow
	case "remote_connection_failure", "connection_timeout":
		return health.ConnectFailure, ""
	case "local_reset", "local_refused_stream_reset", "local_connection_failure":
		return 0, DropLocalReply // Envoy's side of the connection; the host may be well
	default:
		return health.Reset, ""
	}
}

func host(a *Attributes) (health.Host, Drop) {
	if len(a.Address) == 0 {
		return health.Host{}, DropNoHost
	}
	address, ok := health.ParseAddress(alias(a.Address))
	switch {
	case !ok:
		return health.Host{}, DropBadAddress
	case len(a.Cluster) == 0:
		return health.Host{}, DropNoCluster
	}
	return health.Host{Cluster: alias(a.Cluster), Address: address}, ""
}

// answer returns what the host answered. response.code goes before :status; an upstream filter has only the latter,
// trailers neither, or the former. A gRPC status is never guessed from an HTTP one.
func answer(f *Facts) (status int, grpc health.GRPCStatus, drop Drop) {
	status = f.Attributes.Code
	if status == 0 {
		status = f.Message.Status
	}
	if status == 0 && f.Kind == ResponseHeaders || f.Kind == ResponseTrailers && !f.Message.HasGRPC {
		return 0, 0, DropNoStatus
	}
	return status, f.Message.GRPC, ""
}

func name(b []byte) string {
	if len(b) > MaxName {
		return ""
	}
	return alias(b)
}

// alias returns b as a string without copying it. It lives as long as b's array is not written to, which for a
// message of a stream is until the next one; what is to outlive that goes through names.
func alias(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b)) //nolint:gosec // a copy would be an allocation per message
}
