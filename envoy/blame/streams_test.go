package blame_test

import (
	"testing"

	"github.com/envoy-passive-health/passive-health/envoy"
	"github.com/envoy-passive-health/passive-health/envoy/envoytest"
)

// A good response opens no stream to the service, and an error opens one.
func TestOneStreamForEachErrorAndNoneForAGoodResponse(t *testing.T) {
	const requests, errors = 500, 5
	host := envoytest.StartHost(t)
	r := startRig(t, envoy.ErrorsOnly, setup{policy: "{error_threshold: 1000}"}, host.Addr())
	envoytest.Behave(t, host, "503,1%")
	if failed := r.failures(t, requests); failed != errors {
		t.Fatalf("%d of %d requests failed, want %d", failed, requests, errors)
	}
	r.awaitReports(t, 2)
	if got := r.envoy.Stat(t, "http.main.ext_proc.streams_started"); got != errors {
		t.Errorf("Envoy opened %d streams, want %d", got, errors)
	}
	if got := r.service.Metrics(t)["passive_health_ext_proc_messages_total"]; got != errors {
		t.Errorf("the service read %v messages, want %d", got, errors)
	}
	if got := r.service.HostState(t, web, host.Addr()).TotalErrors; got != errors {
		t.Errorf("%d errors were charged, want %d", got, errors)
	}
}
