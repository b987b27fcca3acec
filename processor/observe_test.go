package processor_test

import (
	"net/netip"
	"strings"
	"testing"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/envoy-passive-health/passive-health/health"
	"github.com/envoy-passive-health/passive-health/processor"
)

func observe(t *testing.T, r *extprocv3.ProcessingRequest) (health.Observation, processor.Drop) {
	t.Helper()
	f := read(t, marshal(t, r))
	return processor.Observe(&f)
}

func check(t *testing.T, r *extprocv3.ProcessingRequest, want health.Observation, wantDrop processor.Drop) {
	t.Helper()
	got, drop := observe(t, r)
	if drop != wantDrop {
		t.Fatalf("drop = %q, want %q", drop, wantDrop)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.AddrPort{})); drop == "" && diff != "" {
		t.Errorf("observation, want (-) got (+):\n%s", diff)
	}
}

func observation(change func(*health.Observation)) health.Observation {
	o := health.Observation{
		Host:     health.Host{Cluster: "web", Address: netip.MustParseAddrPort("10.0.0.1:8080")},
		Reporter: "envoy-a", Route: "default", Outcome: health.Response, Status: 503,
	}
	if change != nil {
		change(&o)
	}
	return o
}

// What Envoy 1.40.0 sends for its own answers in the downstream position, and who is to blame. Its details are as
// recorded.
func TestObserveLocalReplies(t *testing.T) {
	const reset = "upstream_reset_before_response_started{"
	tests := []struct {
		name    string
		code    int
		host    bool
		details string
		outcome health.Outcome
		drop    processor.Drop
	}{
		{"connect refused", 503, true, reset + "remote_connection_failure|delayed_connect_error:_Connection_refused}", health.ConnectFailure, ""},
		{"connect timeout", 503, true, reset + "connection_timeout}", health.ConnectFailure, ""},
		{"route timeout", 504, true, "response_timeout", health.Timeout, ""},
		{"per-try timeout", 504, true, "upstream_per_try_timeout", health.Timeout, ""},
		{"closed before headers", 503, true, reset + "connection_termination}", health.Reset, ""},
		{"garbage", 502, true, reset + "protocol_error}", health.Reset, ""},
		{"h2 reset", 503, true, reset + "remote_reset}", health.Reset, ""},
		{"h2 refused stream", 503, true, reset + "remote_refused_stream_reset}", health.Reset, ""},
		{"max_requests overflow", 503, true, reset + "overflow}", 0, processor.DropOverflow},
		{"overflow, more said", 503, true, reset + "overflow|max_requests}", 0, processor.DropOverflow},
		{"max_pending overflow", 503, false, reset + "overflow}", 0, processor.DropOverflow},
		{"no endpoints", 503, false, "no_healthy_upstream", 0, processor.DropNoHost},
		{"no endpoints, a host is named", 503, true, "no_healthy_upstream", 0, processor.DropNoHost},
		{"route not found", 404, false, "route_not_found", 0, processor.DropNoRoute},
		{"cluster unknown", 503, false, "cluster_not_found", 0, processor.DropNoRoute},
		{"direct response", 503, false, "direct_response", 0, processor.DropLocalReply},
		{"direct response, a host is named", 503, true, "direct_response", 0, processor.DropLocalReply},
		{"upgrade refused", 403, false, "upgrade_failed", 0, processor.DropLocalReply},
		{"bad transfer-encoding", 501, false, "http1.invalid_transfer_encoding", 0, processor.DropLocalReply},
		{"reset, no host named", 503, false, reset + "connection_termination}", 0, processor.DropNoHost},
		{"reset, not the known form", 503, true, "upstream_reset_before_response_started", 0, processor.DropLocalReply},
		{"reset after the headers", 503, true, "upstream_reset_after_response_started{remote_reset}", 0, processor.DropLocalReply},
		{"client's abort", 0, true, "downstream_remote_disconnect", 0, processor.DropLocalReply},
	}
	callers := map[string][]string{
		"http": {":status", "503"},
		"gRPC": {":status", "200", "grpc-status", "14"}, // to a gRPC caller Envoy gives its 503 so
	}
	for _, tt := range tests {
		for caller, h := range callers {
			t.Run(tt.name+" "+caller, func(t *testing.T) {
				change := map[string]any{"response.code": tt.code, "response.code_details": tt.details}
				if !tt.host {
					change["upstream.address"] = nil
				}
				check(t, with(t, responseHeaders(h...), attributes(change)),
					observation(func(o *health.Observation) { o.Outcome, o.Status = tt.outcome, 0 }), tt.drop)
			})
		}
	}
}

func TestObserveResponses(t *testing.T) {
	status := func(code int, grpc health.GRPCStatus) func(*health.Observation) {
		return func(o *health.Observation) { o.Status, o.GRPC = code, grpc }
	}
	tests := map[string]struct {
		message *extprocv3.ProcessingRequest
		change  map[string]any
		want    func(*health.Observation)
		drop    processor.Drop
	}{
		"downstream position":        {responseHeaders(":status", "503"), nil, nil, ""},
		"upstream position":          {responseHeaders(":status", "502"), map[string]any{"response.code": nil}, status(502, 0), ""},
		"the code before the header": {responseHeaders(":status", "200"), nil, nil, ""},
		"a useless code":             {responseHeaders(":status", "502"), map[string]any{"response.code": 1000}, status(502, 0), ""},
		"a good response":            {responseHeaders(":status", "200"), map[string]any{"response.code": 200}, status(200, 0), ""},
		"no status at all":           {responseHeaders(), map[string]any{"response.code": nil}, nil, processor.DropNoStatus},
		"trailers only": {
			responseHeaders(":status", "200", "grpc-status", "14"), map[string]any{"response.code": 200}, status(200, 14), "",
		},
		"plain HTTP":                  {responseHeaders(":status", "503"), nil, status(503, 0), ""},
		"trailers, upstream position": {responseTrailers("grpc-status", "14"), map[string]any{"response.code": nil}, status(0, 14), ""},
		"trailers":                    {responseTrailers("grpc-status", "14"), map[string]any{"response.code": 200}, status(200, 14), ""},
		"trailers without status":     {responseTrailers("x", "14"), nil, nil, processor.DropNoStatus},
		"100":                         {responseHeaders(":status", "100"), nil, nil, processor.DropInterim},
		"103, whatever the code":      {responseHeaders(":status", "103"), nil, nil, processor.DropInterim},
		"101 is final":                {responseHeaders(":status", "101"), map[string]any{"response.code": 101}, status(101, 0), ""},
		"request headers": {
			&extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_RequestHeaders{}}, nil, nil, processor.DropNoResponse,
		},
		"no message": {&extprocv3.ProcessingRequest{}, nil, nil, processor.DropNoResponse},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			check(t, with(t, tt.message, attributes(tt.change)), observation(tt.want), tt.drop)
		})
	}
}

// Any attribute may be missing, or all of them.
func TestObserveMissingAttributes(t *testing.T) {
	tests := map[string]struct {
		want func(*health.Observation)
		drop processor.Drop
	}{
		"upstream.address":      {nil, processor.DropNoHost},
		"xds.cluster_name":      {nil, processor.DropNoCluster},
		"xds.node.id":           {func(o *health.Observation) { o.Reporter = "" }, ""},
		"xds.route_name":        {func(o *health.Observation) { o.Route = "" }, ""},
		"response.code":         {func(o *health.Observation) { o.Status = 502 }, ""},
		"response.code_details": {nil, processor.DropNoDetails},
	}
	for missing, tt := range tests {
		t.Run(missing, func(t *testing.T) {
			check(t, with(t, responseHeaders(":status", "502"), attributes(map[string]any{missing: nil})), observation(tt.want), tt.drop)
		})
	}
	check(t, responseHeaders(":status", "503"), health.Observation{}, processor.DropNoDetails)
}

func TestObserveAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"10.0.0.1:8080":              "10.0.0.1:8080",
		"[2001:db8::1]:8080":         "[2001:db8::1]:8080",
		"[::1]:80":                   "[::1]:80",
		"[::ffff:10.0.0.1]:80":       "10.0.0.1:80",
		"[fe80::1%eth0]:80":          "",
		"10.0.0.1":                   "",
		"10.0.0.1:0":                 "",
		"10.0.0.1:65536":             "",
		"web.internal:80":            "",
		"/var/run/web.sock":          "",
		"@abstract":                  "",
		"envoy://internal_listener/": "",
	} {
		t.Run(address, func(t *testing.T) {
			o, drop := observe(t, with(t, responseHeaders(":status", "503"), attributes(map[string]any{"upstream.address": address})))
			if want == "" {
				if drop != processor.DropBadAddress {
					t.Errorf("drop = %q, host %v, want %q", drop, o.Host, processor.DropBadAddress)
				}
				return
			}
			if drop != "" || o.Host.Address.String() != want {
				t.Errorf("host = %v (%q), want %s", o.Host, drop, want)
			}
		})
	}
}

// A name that is too long is not said; cut short it would be another's.
func TestObserveLongNames(t *testing.T) {
	long := strings.Repeat("n", processor.MaxName)
	for name, want := range map[string]string{long: long, long + "n": ""} {
		o, drop := observe(t, with(t, responseHeaders(), attributes(map[string]any{"xds.node.id": name, "xds.route_name": name})))
		if drop != "" || o.Reporter != want || o.Route != want {
			t.Errorf("a name of %d bytes: reporter of %d, route of %d (%q), want %d",
				len(name), len(o.Reporter), len(o.Route), drop, len(want))
		}
	}
}

// FuzzObserve: whatever the bytes, nobody is charged whom the message does not name, and every value is one that exists.
func FuzzObserve(f *testing.F) {
	f.Add(marshal(f, golden(f)))
	f.Add(marshal(f, with(f, responseTrailers("grpc-status", "14"), attributes(nil))))
	f.Add(marshal(f, with(f, responseHeaders(":status", "504"), attributes(map[string]any{"response.code_details": "response_timeout"}))))
	f.Fuzz(func(t *testing.T, raw []byte) {
		facts, err := processor.ReadFacts(raw)
		if err != nil {
			return
		}
		o, drop := processor.Observe(&facts)
		if drop != "" {
			return
		}
		want, err := reference(raw)
		if err != nil {
			t.Fatalf("an observation from what protobuf refuses: %v", err)
		}
		named, ok := health.ParseAddress(string(want.Attributes.Address))
		if !ok || o.Host != (health.Host{Cluster: string(want.Attributes.Cluster), Address: named}) || o.Host.Cluster == "" {
			t.Errorf("charged %v, the message names %q %q", o.Host, want.Attributes.Cluster, want.Attributes.Address)
		}
		if o.Status != 0 && (o.Status < 100 || o.Status > 599) || o.GRPC > 16 || o.Count != 0 || o.Requests != 0 {
			t.Errorf("observation = %+v", o)
		}
		if o.Outcome != health.Response && (o.Status != 0 || o.GRPC != 0) {
			t.Errorf("%v with a status: %+v", o.Outcome, o)
		}
	})
}
