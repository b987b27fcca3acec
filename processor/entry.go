package processor

import (
	datav3 "github.com/envoyproxy/go-control-plane/envoy/data/accesslog/v3"

	"github.com/envoy-passive-health/passive-health/health"
)

// ObserveEntry says which host an entry of a router's upstream_log is to be charged to and how, or, with a Drop, why to
// none. There is an entry for each attempt. It is pure. The reporter is for the stream to say.
//
// A route timeout has neither a code nor a flag, as a client's abort and a cancelled hedge: it is not charged from here.
// A flag says nothing against a good response but that the host broke off its body: Envoy flags hedged attempts as timed
// out that were answered in time.
func ObserveEntry(e *datav3.HTTPAccessLogEntry) (o health.Observation, drop Drop) {
	common := e.GetCommonProperties()
	flags := common.GetResponseFlags()
	o.Host, drop = entryHost(common)
	switch {
	case flags.GetUpstreamOverflow():
		o.Outcome, o.Status = health.Response, 503 // what Envoy answers in its place
		return o, DropOverflow
	case drop != "":
		return o, drop
	}
	if route := common.GetRouteName(); len(route) <= MaxName {
		o.Route = route
	}
	code := e.GetResponse().GetResponseCode().GetValue()
	switch {
	case code == 0:
		o.Outcome, drop = entryFailure(flags)
		return o, drop
	case code < minStatus || code > maxStatus:
		return o, DropNoStatus
	case code/100 == 2 && brokenOff(flags):
		o.Outcome = health.LateReset
		return o, ""
	}
	o.Outcome, o.Status, o.GRPC = health.Response, int(code), entryGRPC(e.GetResponse())
	return o, ""
}

func entryHost(common *datav3.AccessLogCommon) (health.Host, Drop) {
	socket := common.GetUpstreamRemoteAddress().GetSocketAddress()
	switch {
	case common.GetUpstreamRemoteAddress() == nil:
		return health.Host{}, DropNoHost
	case common.GetUpstreamCluster() == "":
		return health.Host{}, DropNoCluster
	}
	address, ok := addressOf(socket.GetAddress(), uint64(socket.GetPortValue()))
	if !ok {
		return health.Host{}, DropBadAddress
	}
	return health.Host{Cluster: common.GetUpstreamCluster(), Address: address}, ""
}

// entryFailure says how an attempt without a response failed.
func entryFailure(flags *datav3.ResponseFlags) (health.Outcome, Drop) {
	switch {
	case flags.GetUpstreamConnectionFailure():
		return health.ConnectFailure, ""
	case flags.GetUpstreamRequestTimeout():
		return health.Timeout, ""
	case brokenOff(flags):
		return health.Reset, ""
	default:
		return 0, DropNoStatus
	}
}

// brokenOff says whether the host reset or closed, or sent what is no HTTP.
func brokenOff(flags *datav3.ResponseFlags) bool {
	return flags.GetUpstreamRemoteReset() || flags.GetUpstreamConnectionTermination() || flags.GetUpstreamProtocolError()
}

// entryGRPC returns the status in the trailers, or else in the headers, as far as the log is configured to have them.
func entryGRPC(r *datav3.HTTPResponseProperties) health.GRPCStatus {
	for _, sent := range []map[string]string{r.GetResponseTrailers(), r.GetResponseHeaders()} {
		if code, ok := grpcStatus([]byte(sent["grpc-status"])); ok {
			return code
		}
	}
	return 0
}
