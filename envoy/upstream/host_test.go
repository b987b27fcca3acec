package upstream_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/envoy-passive-health/passive-health/envoy/envoytest"
	"github.com/envoy-passive-health/passive-health/envoy/upstream"
)

// What Envoy, and so its client, makes of each behaviour.
func TestBehavioursThroughEnvoy(t *testing.T) {
	host := envoytest.StartHost(t)
	e := startFor(t, host.Addr(), "")
	const reset = "upstream_reset_before_response_started"
	for _, test := range []struct {
		behaviour string
		status    int
		details   string
		cut       bool // the body ends too early
	}{
		{"ok", 200, "via_upstream", false},
		{"503", 503, "via_upstream", false},
		{"404,20ms", 404, "via_upstream", false},
		{"reset", 503, reset + "{connection_termination}", false},
		{"close", 503, reset + "{connection_termination}", false},
		{"garbage", 502, reset + "{protocol_error}", false},
		{"stall", 504, "response_timeout", false},
		{"reset-body", 200, "via_upstream", true},
		{"close-body", 200, "via_upstream", true},
		{"stall-body", 200, "via_upstream", true},
		{"503,/elsewhere", 200, "via_upstream", false},
		{"503,/", 503, "via_upstream", false},
		{"refuse", 503, reset + "{remote_connection_failure|delayed_connect_error:_Connection_refused}", false},
		{"ok", 200, "via_upstream", false}, // and the refused port is open again
	} {
		t.Run(test.behaviour, func(t *testing.T) {
			envoytest.Behave(t, host, test.behaviour)
			before := host.Total()
			got := envoytest.Get(t, e.URL)
			if got.Status != test.status || got.Header.Get("X-Details") != test.details {
				t.Errorf("got %d %s, want %d %s", got.Status, got.Header.Get("X-Details"), test.status, test.details)
			}
			if cut := got.Err != nil; cut != test.cut {
				t.Errorf("the body was cut: %t (%v), want %t", cut, got.Err, test.cut)
			}
			if came, want := host.Total()-before, cameTo(test.behaviour); came != want {
				t.Errorf("%d requests came to the host, want %d", came, want)
			}
		})
	}
}

// cameTo says how many of one request reach a host.
func cameTo(behaviour string) int {
	if behaviour == "refuse" {
		return 0
	}
	return 1
}

func TestShareIsSpreadEvenly(t *testing.T) {
	host := envoytest.StartHost(t)
	envoytest.Behave(t, host, "503,30%")
	failed := 0
	for range 10 {
		got := envoytest.Get(t, "http://"+host.Addr())
		if got.Host != host.Addr() {
			t.Fatalf("answered by %q, want %q", got.Host, host.Addr())
		}
		if got.Status == http.StatusServiceUnavailable {
			failed++
		}
	}
	if failed != 3 {
		t.Errorf("%d of 10 requests failed under 30%%, want 3", failed)
	}
}

func TestJournal(t *testing.T) {
	host := envoytest.StartHost(t)
	var between time.Time
	for i, behaviour := range []string{"ok", "503", "reset-body"} {
		if i == 2 {
			between = time.Now()
		}
		envoytest.Behave(t, host, behaviour)
		envoytest.Get(t, "http://"+host.Addr())
	}
	var statuses []int
	for _, request := range host.Requests() {
		statuses = append(statuses, request.Status)
	}
	if len(statuses) != 3 || statuses[0] != 200 || statuses[1] != 503 || statuses[2] != 0 {
		t.Errorf("got the statuses %v, want [200 503 0]", statuses)
	}
	if got := host.Since(between); got != 1 {
		t.Errorf("%d requests since then, want 1", got)
	}
}

// Stop must not wait for a request that never ends.
func TestStopEndsAStalledRequest(t *testing.T) {
	host := envoytest.StartHost(t)
	envoytest.Behave(t, host, "stall")
	ended := make(chan error, 1)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+host.Addr(), nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			err = response.Body.Close()
		}
		ended <- err
	}()
	envoytest.Until(t, 10*time.Second, "the request reaches the host", func() bool { return host.Total() == 1 })
	host.Stop()
	if err := <-ended; err == nil {
		t.Error("the request got an answer from a host that stalls")
	}
}

func TestHoleMeansConnectTimeout(t *testing.T) {
	hole := envoytest.StartHole(t)
	got := envoytest.Get(t, startFor(t, hole.Addr(), "").URL)
	const want = "upstream_reset_before_response_started{connection_timeout}"
	if got.Status != http.StatusServiceUnavailable || got.Header.Get("X-Details") != want {
		t.Errorf("got %d %s, want 503 %s", got.Status, got.Header.Get("X-Details"), want)
	}
}

func TestParseBehaviourRefuses(t *testing.T) {
	for _, s := range []string{"", "OK", "199", "600", "503,0%", "503,101%", "503,x%", "ok,-1s", "ok,soon", "answer"} {
		if b, err := upstream.ParseBehaviour(s); err == nil || !strings.Contains(err.Error(), `"`+s+`"`) {
			t.Errorf("%q: got %+v, %v", s, b, err)
		}
	}
}
