package blame_test

import (
	"google.golang.org/grpc/codes"

	"github.com/envoy-passive-health/passive-health/envoy/upstream"
)

// situation is one request that goes wrong, or well, in a cluster and on a route of its own.
type situation struct {
	name    string
	hosts   starter // the cluster's hosts; nil for a cluster that is not there
	cluster string  // what differs in the cluster, as yaml
	route   string  // what differs in the route, as yaml
	send    sender
	status  int // what the client gets; 0 for nothing
	blame   int // failed attempts that are a host's doing
}

// Routes that differ from the ordinary one.
const (
	patient  = "{route: {timeout: 60s}}"
	perTry   = "{route: {timeout: 15s, retry_policy: {per_try_timeout: 0.2s}}}"
	noTries  = "{route: {timeout: 15s}}"
	byHeader = "{route: {cluster_header: x-cluster}}"
)

// section is a part of the table.
type section struct {
	name string
	rows []situation
}

// sections are the rows of the table in README.md.
var sections = []section{
	{"One attempt, without retries", []situation{
		{name: "200", hosts: http("ok"), send: plain, status: 200},
		{name: "404 of the host", hosts: http("404"), send: plain, status: 404},
		{name: "503 of the host", hosts: http("503"), send: plain, status: 503, blame: 1},
		{name: "503 of the host, gRPC caller", hosts: http("503"), send: fromGRPC, status: 503, blame: 1},
		{name: "connect refused", hosts: http("refuse"), send: plain, status: 503, blame: 1},
		{name: "connect refused, gRPC caller", hosts: http("refuse"), send: fromGRPC, status: 200, blame: 1},
		{name: "connect timeout", hosts: hole, cluster: "{connect_timeout: 0.2s}", route: noTries, send: plain, status: 503, blame: 1},
		{name: "route timeout", hosts: http("stall"), send: plain, status: 504, blame: 1},
		{name: "per-try timeout", hosts: http("stall"), route: perTry, send: plain, status: 504, blame: 1},
		{name: "reset before the headers", hosts: http("reset"), send: plain, status: 503, blame: 1},
		{name: "close before the headers", hosts: http("close"), send: plain, status: 503, blame: 1},
		{name: "garbage", hosts: http("garbage"), send: plain, status: 502, blame: 1},
		{name: "HTTP/2 garbage", hosts: http2(upstream.BadFrames), cluster: overHTTP2, send: plain, status: 502, blame: 1},
		{name: "HTTP/2 stream reset", hosts: http2(upstream.StreamError), cluster: overHTTP2, send: plain, status: 503, blame: 1},
		{name: "HTTP/2 stream cancelled", hosts: http2(upstream.StreamCancel), cluster: overHTTP2, send: plain, status: 503, blame: 1},
		{name: "HTTP/2 stream refused", hosts: http2(upstream.StreamRefused), cluster: overHTTP2, send: plain, status: 503, blame: 1},
		{name: "HTTP/2 GOAWAY", hosts: http2(upstream.GoAway), cluster: overHTTP2, send: plain, status: 503, blame: 1},
		{name: "reset in the body", hosts: http("reset-body"), send: plain, status: 200, blame: 1},
		{name: "close in the body", hosts: http("close-body"), send: plain, status: 200, blame: 1},
		{name: "route timeout in the body", hosts: http("stall-body"), send: plain, status: 200, blame: 1},
	}},
	{"Nobody's fault", []situation{
		{
			name: "`max_requests` overflow", hosts: http("stall"), route: patient, send: beside, status: 503,
			cluster: "{circuit_breakers: {thresholds: [{max_requests: 1}]}}",
		},
		{
			name: "`max_pending_requests` overflow", hosts: http("ok"), send: plain, status: 503,
			cluster: "{circuit_breakers: {thresholds: [{max_pending_requests: 0}]}}",
		},
		{name: "no endpoints", send: plain, status: 503},
		{name: "route not found", hosts: http("ok"), send: toNowhere, status: 404},
		{name: "unknown cluster", hosts: http("ok"), route: byHeader, send: plain, status: 503},
		{name: "direct response 503", hosts: http("ok"), route: "{direct_response: {status: 503}}", send: plain, status: 503},
		{name: "redirect", hosts: http("ok"), route: "{redirect: {path_redirect: /}}", send: plain, status: 301},
		{name: "upgrade refused", hosts: http("ok"), send: upgrade, status: 403},
		{name: "bad transfer-encoding", hosts: http("ok"), send: badEncoding, status: 501},
		{name: "client gone before the headers", hosts: http("stall"), route: patient, send: abort},
	}},
	{"Three hosts, `retry_on: 5xx,reset,connect-failure`", []situation{
		{name: "503, then 200", hosts: retried("503", "ok"), send: aimed, status: 200, blame: 1},
		{name: "reset, then 200", hosts: retried("reset", "ok"), send: aimed, status: 200, blame: 1},
		{name: "refused, then 200", hosts: retried("refuse", "ok"), send: aimed, status: 200, blame: 1},
		{name: "503 three times", hosts: retried("503", "503"), send: aimed, status: 503, blame: 3},
		{name: "refused three times", hosts: retried("refuse", "refuse"), send: aimed, status: 503, blame: 3},
		{name: "per-try timeout three times", hosts: retried("stall", "stall"), route: tryingAgain, send: aimed, status: 504, blame: 3},
		{name: "hedged: a late 503, then 200", hosts: retried("503,600ms", "ok,1200ms"), route: hedged, send: aimed, status: 200, blame: 1},
	}},
	{"gRPC hosts", []situation{
		{name: "OK", hosts: grpcHost(upstream.InTrailers, codes.OK), cluster: overHTTP2, send: grpcCall, status: 200},
		{name: "NOT_FOUND in trailers", hosts: grpcHost(upstream.InTrailers, codes.NotFound), cluster: overHTTP2, send: grpcCall, status: 200},
		{
			name: "UNAVAILABLE, trailers only", hosts: grpcHost(upstream.TrailersOnly, codes.Unavailable), cluster: overHTTP2,
			send: grpcCall, status: 200, blame: 1,
		},
		{
			name: "UNAVAILABLE in trailers", hosts: grpcHost(upstream.InTrailers, codes.Unavailable), cluster: overHTTP2,
			send: grpcCall, status: 200, blame: 1,
		},
		{
			name: "reset before the headers", hosts: grpcHost(upstream.ResetBefore, codes.OK), cluster: overHTTP2,
			send: grpcCall, status: 200, blame: 1,
		},
		{
			name: "reset after the headers", hosts: grpcHost(upstream.ResetAfter, codes.OK), cluster: overHTTP2,
			send: grpcCall, status: 200, blame: 1,
		},
	}},
}

// tryingAgain and hedged are routes that retry in their own way.
const (
	tryingAgain = "{route: {retry_policy: {per_try_timeout: 0.2s}}}"
	hedged      = "{route: {hedge_policy: {hedge_on_per_try_timeout: true}, retry_policy: {per_try_timeout: 0.2s}}}"
)
