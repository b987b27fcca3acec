package loop_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"testing"

	"github.com/envoy-passive-health/passive-health/envoy/envoytest"
	"github.com/envoy-passive-health/passive-health/envoy/upstream"
)

// reply is a request that goes wrong, and what becomes of it.
type reply struct {
	name      string
	behaviour string                         // of the host of cluster web; empty for what does not matter
	send      func(t *testing.T, s *rig) int // returns the status that the client got
	status    int

	charged string // the cluster whose host it is an error of; empty for none
	dropped string // the reason for which it is no host's; empty for none
	passed  bool   // errors-only Envoys say nothing of it
	silent  bool   // no Envoy says anything of it
}

// replies are the local replies that need no special network, and the answers that are none.
var replies = []reply{
	{name: "ok", behaviour: "ok", send: to("/"), status: 200, passed: true},
	{name: "not found at the host", behaviour: "404", send: to("/"), status: 404, passed: true},
	{name: "error of the host", behaviour: "503", send: to("/"), status: 503, charged: web},
	{name: "status that is not listed", behaviour: "501", send: to("/"), status: 501},

	{name: "connect refused", behaviour: "refuse", send: to("/"), status: 503, charged: web},
	{name: "connect refused, gRPC", behaviour: "refuse", send: toGRPC, status: 200, charged: web},
	{name: "connect timeout", send: to("/hole"), status: 503, charged: "hole"},
	{name: "route timeout", behaviour: "stall", send: to("/"), status: 504, charged: web},
	{name: "per-try timeout", behaviour: "stall", send: to("/per-try"), status: 504, charged: web},
	{name: "reset before the headers", behaviour: "reset", send: to("/"), status: 503, charged: web},
	{name: "close before the headers", behaviour: "close", send: to("/"), status: 503, charged: web},
	{name: "garbage", behaviour: "garbage", send: to("/"), status: 502, charged: web},

	{name: "HTTP/2 garbage", send: toHTTP2(upstream.BadFrames), status: 502, charged: "http2"},
	{name: "HTTP/2 stream error", send: toHTTP2(upstream.StreamError), status: 503, charged: "http2"},
	{name: "HTTP/2 stream cancelled", send: toHTTP2(upstream.StreamCancel), status: 503, charged: "http2"},
	{name: "HTTP/2 stream refused", send: toHTTP2(upstream.StreamRefused), status: 503, charged: "http2"},
	{name: "HTTP/2 GOAWAY", send: toHTTP2(upstream.GoAway), status: 503, charged: "http2"},

	{name: "max_requests overflow", behaviour: "stall", send: overflow, status: 503, dropped: "overflow"},
	{name: "max_pending_requests overflow", send: to("/no-queue"), status: 503, dropped: "overflow"},
	{name: "no endpoints", send: to("/nobody"), status: 503, dropped: "no_host"},
	{name: "route not found", send: toNowhere, status: 404, dropped: "no_route", passed: true},
	{name: "unknown cluster", send: to("/by-header"), status: 503, dropped: "no_route"},
	{name: "direct response", send: to("/direct"), status: 503, dropped: "local_reply"},
	{name: "redirect", send: to("/redirect"), status: 301, dropped: "local_reply", passed: true},
	{name: "upgrade refused", send: upgrade, status: 403, dropped: "local_reply", passed: true},
	{name: "bad transfer-encoding", send: badEncoding, status: 501, dropped: "local_reply"},

	{name: "reset in the body", behaviour: "reset-body", send: cutShort, status: 200, passed: true},
	{name: "close in the body", behaviour: "close-body", send: cutShort, status: 200, passed: true},
	{name: "stall in the body", behaviour: "stall-body", send: cutShort, status: 200, passed: true},
	{name: "client gone before the headers", behaviour: "stall", send: abort, status: 0, silent: true},
}

// Each reply is charged to the host whose doing it is, and to no other; what is nobody's is counted with its reason.
func TestRepliesAreChargedToWhomTheyBelong(t *testing.T) {
	t.Parallel()
	for _, s := range samples {
		t.Run(string(s), func(t *testing.T) {
			t.Parallel()
			r := startRig(t, s)
			want := r.tally(t)
			for _, reply := range replies {
				t.Run(reply.name, func(t *testing.T) {
					if reply.behaviour != "" {
						envoytest.Behave(t, r.host, reply.behaviour)
					}
					if got := reply.send(t, r); got != reply.status {
						t.Errorf("the client got %d, want %d", got, reply.status)
					}
					want.add(&reply, s)
					r.assertTally(t, want)
				})
			}
		})
	}
}

// to sends an ordinary request to a path.
func to(path string) func(*testing.T, *rig) int {
	return func(t *testing.T, r *rig) int {
		t.Helper()
		return r.do(t, path, nil).Status
	}
}

// cutShort sends a request whose answer is not to be whole.
func cutShort(t *testing.T, r *rig) int {
	t.Helper()
	response := r.do(t, "/", nil)
	if response.Err == nil {
		t.Errorf("the answer is whole: %q", response.Body)
	}
	return response.Status
}

func toGRPC(t *testing.T, r *rig) int {
	t.Helper()
	return r.do(t, "/", func(request *http.Request) { request.Header.Set("Content-Type", "application/grpc") }).Status
}

func toHTTP2(failure upstream.HTTP2Failure) func(*testing.T, *rig) int {
	return func(t *testing.T, r *rig) int {
		t.Helper()
		r.http2.Set(failure)
		return r.do(t, "/http2", nil).Status
	}
}

func toNowhere(t *testing.T, r *rig) int {
	t.Helper()
	return r.do(t, "/", func(request *http.Request) { request.Host = "nowhere" }).Status
}

func upgrade(t *testing.T, r *rig) int {
	t.Helper()
	return r.do(t, "/", func(request *http.Request) {
		request.Header.Set("Connection", "Upgrade")
		request.Header.Set("Upgrade", "websocket")
	}).Status
}

// overflow sends a request beside the one that the cluster's breaker allows.
func overflow(t *testing.T, r *rig) (status int) {
	t.Helper()
	r.whileWaiting(t, "/one", func() { status = r.do(t, "/one", nil).Status })
	return status
}

// abort sends a request and goes away.
func abort(t *testing.T, r *rig) (status int) {
	t.Helper()
	r.whileWaiting(t, "/patient", func() {})
	return 0
}

// whileWaiting calls meanwhile while a request waits for the host, and then gives the request up. It returns when
// Envoy has too.
func (r *rig) whileWaiting(t *testing.T, path string, meanwhile func()) {
	t.Helper()
	before := r.host.Total()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- request(ctx, r.envoy.URL+path) }()
	envoytest.Until(t, patience, "the request reaches the host", func() bool { return r.host.Total() == before+1 })
	meanwhile()
	cancel()
	if err := <-ended; err == nil {
		t.Error("the request that was to wait got an answer")
	}
	envoytest.Until(t, patience, "Envoy gives the request up", func() bool {
		return r.envoy.Stat(t, "http.main.downstream_rq_active") == 0
	})
}

// request sends a request of whose answer only the error matters.
func request(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, http.NoBody)
	if err != nil {
		return fmt.Errorf("making a request: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("sending a request: %w", err)
	}
	return response.Body.Close()
}

// badEncoding writes its request by hand: net/http would refuse to.
func badEncoding(t *testing.T, r *rig) int {
	t.Helper()
	conn, err := net.Dial("tcp", r.envoy.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: web\r\nTransfer-Encoding: unheard-of\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	return response.StatusCode
}
