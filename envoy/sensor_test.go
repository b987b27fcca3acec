package envoy_test

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/envoy-passive-health/passive-health/envoy"
	"github.com/envoy-passive-health/passive-health/envoy/envoytest"
)

const reset = "upstream_reset_before_response_started"

const refused = reset + "{remote_connection_failure|delayed_connect_error:_Connection_refused}"

// situations are requests, and what each sample has to tell of them. Seven of the nine are errors of the host.
var situations = []struct {
	name      string
	behaviour string
	header    string // of the request: "name: value"
	status    string // the header :status
	code      float64
	details   string
	good      bool // the errors-only sample says nothing
}{
	{"a good response", "ok", "", "200", 200, "via_upstream", true},
	{"a client's error", "404", "", "404", 404, "via_upstream", true},
	{"an error", "500", "", "500", 500, "via_upstream", false},
	{"an error to a gRPC caller", "503", grpcCaller, "503", 503, "via_upstream", false},
	{"a reset", "reset", "", "503", 503, reset + "{connection_termination}", false},
	{"garbage", "garbage", "", "502", 502, reset + "{protocol_error}", false},
	{"no answer in time", "stall", "", "504", 504, "response_timeout", false},
	{"refused", "refuse", "", "503", 503, refused, false},
	{"refused to a gRPC caller", "refuse", grpcCaller, "200", 503, refused, false},
}

const grpcCaller = "Content-Type: application/grpc"

func TestSamplesTellWhatTheyShould(t *testing.T) {
	for s, streams := range map[envoy.Sample]int64{envoy.ErrorsOnly: 7, envoy.AllResponses: 9} {
		t.Run(string(s), func(t *testing.T) {
			host := envoytest.StartHost(t)
			r := startRecorder(t, "shop", host.Addr())
			e := envoytest.Start(t, s, envoy.Params{
				NodeID: "envoy-7", Cluster: "shop", ExtProc: r.addr, XDS: r.addr, Timeout: 100 * time.Millisecond,
			})
			envoytest.Until(t, 10*time.Second, "Envoy has the host", func() bool {
				_, ok := e.Host(t, "shop", host.Addr())
				return ok
			})
			for _, situation := range situations {
				t.Run(situation.name, func(t *testing.T) {
					envoytest.Behave(t, host, situation.behaviour)
					ask(t, e, situation.header)
					if s == envoy.AllResponses || !situation.good {
						assertTold(t, r, host.Addr(), situation.status, situation.code, situation.details)
					}
				})
			}
			if got := e.Stat(t, "http.main.ext_proc.streams_started"); got != streams {
				t.Errorf("Envoy opened %d streams, want %d", got, streams)
			}
			envoytest.Until(t, 10*time.Second, "load reports count the seven errors", func() bool {
				return r.errorsOf(host.Addr()) == 7
			})
			assertListed(t, e, host.Addr())
		})
	}
}

// assertListed checks what Envoy's admin interface says of the host after all.
func assertListed(t *testing.T, e *envoytest.Envoy, address string) {
	t.Helper()
	got, _ := e.Host(t, "shop", address)
	want := envoy.HostStatus{Address: address, EDS: "HEALTHY", Weight: 100, Requests: 7, Errors: 7}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the host (-want +got):\n%s", diff)
	}
}

// ask sends one request, with a header unless that is empty.
func ask(t *testing.T, e *envoytest.Envoy, header string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, e.URL, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if name, value, ok := strings.Cut(header, ": "); ok {
		request.Header.Set(name, value)
	}
	envoytest.Do(t, request)
}

// assertTold compares the next message with all that it may say.
func assertTold(t *testing.T, r *recorder, host, status string, code float64, details string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	message, err := r.awaitMessage(ctx)
	if err != nil {
		t.Fatalf("no message: %v", err)
	}
	if !message.GetObservabilityMode() {
		t.Error("Envoy waits for an answer")
	}
	want := map[string]any{
		"upstream.address":      host,
		"xds.cluster_name":      "shop",
		"xds.node.id":           "envoy-7",
		"xds.route_name":        "default",
		"response.code":         code,
		"response.code_details": details,
	}
	if diff := cmp.Diff(want, message.GetAttributes()["envoy.filters.http.ext_proc"].AsMap()); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
	headers := headersOf(message)
	if got := headers[":status"]; got != status {
		t.Errorf(":status %q, want %q", got, status)
	}
	delete(headers, ":status")
	delete(headers, "grpc-status")
	if len(headers) > 0 {
		t.Errorf("tells more headers than it should: %q", slices.Sorted(maps.Keys(headers)))
	}
}

func headersOf(message *extprocv3.ProcessingRequest) map[string]string {
	headers := make(map[string]string)
	for _, header := range message.GetResponseHeaders().GetHeaders().GetHeaders() {
		headers[header.GetKey()] = string(header.GetRawValue())
	}
	return headers
}
