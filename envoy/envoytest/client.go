package envoytest

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/envoy-passive-health/passive-health/envoy/upstream"
)

// period is how often Until looks. Envoy's admin interface has no events.
const period = 5 * time.Millisecond

// Until returns as soon as cond holds, and fails the test if it does not within the time.
func Until(t testing.TB, within time.Duration, what string, cond func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	ticks := time.NewTicker(period)
	defer ticks.Stop()
	for !cond() {
		select {
		case <-ticks.C:
		case <-ctx.Done():
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}

// Response is what a client got.
type Response struct {
	Status int
	Host   string // the address of the host that answered; empty where Envoy itself did
	Header http.Header
	Body   string
	Err    error // why the body is not whole
}

// Get sends one request. Not to get a response at all fails the test.
func Get(t testing.TB, url string) Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return Do(t, request)
}

// Do sends a request of the test's own, on a connection of its own.
func Do(t testing.TB, request *http.Request) Response {
	t.Helper()
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return Response{
		Status: response.StatusCode,
		Host:   response.Header.Get(upstream.HostHeader),
		Header: response.Header,
		Body:   string(body),
		Err:    err,
	}
}
