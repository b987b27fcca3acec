package processor_test

import (
	"strings"
	"testing"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"

	"github.com/envoy-passive-health/passive-health/processor"
)

// detailed is a 503 with the given response.code_details.
func detailed(t *testing.T, details any) *extprocv3.ProcessingRequest {
	t.Helper()
	return with(t, responseHeaders(":status", "503"), attributes(map[string]any{"response.code_details": details}))
}

func TestExplain(t *testing.T) {
	tests := map[string]struct {
		message  *extprocv3.ProcessingRequest
		drop     processor.Drop
		host     string
		rule     string // a part of it
		reported bool
	}{
		"503": {golden(t), "", "web 10.0.0.1:8080", `"via_upstream": the host itself answered`, true},
		"404": {
			with(t, responseHeaders(":status", "404"), attributes(map[string]any{"response.code": 404})),
			"", "web 10.0.0.1:8080", "the host itself answered", false,
		},
		"an overflow": {
			detailed(t, "upstream_reset_before_response_started{overflow}"),
			processor.DropOverflow, "web 10.0.0.1:8080", "a circuit breaker is full", true,
		},
		"no host": {
			with(t, responseHeaders(":status", "503"), attributes(map[string]any{"upstream.address": nil})),
			processor.DropNoHost, " invalid AddrPort", "no host was chosen", false,
		},
		"a request": {
			&extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_RequestHeaders{}},
			processor.DropNoResponse, " invalid AddrPort", "this message is not a response", false,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e, err := processor.Explain(marshal(t, tt.message))
			if err != nil {
				t.Fatal(err)
			}
			if e.Drop != tt.drop || e.Observation.Host.String() != tt.host || !strings.Contains(e.Rule, tt.rule) || e.Reported != tt.reported {
				t.Errorf("explanation = %+v, host %q", e, e.Observation.Host)
			}
		})
	}
}

func TestExplainRefuses(t *testing.T) {
	for name, message := range map[string][]byte{"malformed": {0x0a}, "too large": make([]byte, processor.MaxMessage+1)} {
		if e, err := processor.Explain(message); err == nil {
			t.Errorf("%s: explained as %+v", name, e)
		}
	}
}

// Every reason has its words.
func TestExplainKnowsEveryDrop(t *testing.T) {
	for _, message := range []*extprocv3.ProcessingRequest{
		with(t, responseHeaders(":status", "103"), attributes(nil)),
		detailed(t, nil),
		detailed(t, "route_not_found"),
		detailed(t, "direct_response"),
		with(t, responseHeaders(":status", "503"), attributes(map[string]any{"upstream.address": "/run/web.sock"})),
		with(t, responseHeaders(":status", "503"), attributes(map[string]any{"xds.cluster_name": nil})),
		with(t, responseTrailers("x", "y"), attributes(nil)),
		detailed(t, "response_timeout"),
		detailed(t, "upstream_reset_before_response_started{connection_termination}"),
		detailed(t, "upstream_reset_before_response_started{connection_timeout}"),
	} {
		e, err := processor.Explain(marshal(t, message))
		if err != nil || e.Rule == "" || strings.HasSuffix(e.Rule, ": ") {
			t.Errorf("%v: %+v, %v", message, e, err)
		}
	}
}
