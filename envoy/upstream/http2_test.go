package upstream_test

import (
	"net/http"
	"testing"

	"github.com/envoy-passive-health/passive-health/envoy/envoytest"
	"github.com/envoy-passive-health/passive-health/envoy/upstream"
)

func TestHTTP2Failures(t *testing.T) {
	host := envoytest.StartHTTP2Host(t)
	e := startFor(t, host.Addr(), http2)
	for _, test := range []struct {
		name    string
		failure upstream.HTTP2Failure
		status  int
		cause   string
	}{
		{"stream error", upstream.StreamError, http.StatusServiceUnavailable, "remote_reset"},
		{"stream cancelled", upstream.StreamCancel, http.StatusServiceUnavailable, "remote_reset"},
		{"stream refused", upstream.StreamRefused, http.StatusServiceUnavailable, "remote_refused_stream_reset"},
		{"go away", upstream.GoAway, http.StatusServiceUnavailable, "remote_refused_stream_reset"},
		{"bad frames", upstream.BadFrames, http.StatusBadGateway, "protocol_error"},
	} {
		t.Run(test.name, func(t *testing.T) {
			host.Set(test.failure)
			before := host.Total()
			got := envoytest.Get(t, e.URL)
			want := "upstream_reset_before_response_started{" + test.cause + "}"
			if got.Status != test.status || got.Header.Get("X-Details") != want {
				t.Errorf("got %d %s, want %d %s", got.Status, got.Header.Get("X-Details"), test.status, want)
			}
			if came := host.Total() - before; came != 1 {
				t.Errorf("%d requests came to the host, want 1", came)
			}
		})
	}
}
