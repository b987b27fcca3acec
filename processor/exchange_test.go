package processor_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extprocconfigv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	grpchealth "google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/envoy-passive-health/passive-health/health"
	"github.com/envoy-passive-health/passive-health/processor"
)

// recorder keeps what it is given.
type recorder struct {
	mu   sync.Mutex
	seen []health.Observation
}

func (r *recorder) Record(_ time.Time, o health.Observation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, o)
}

func (r *recorder) all() []health.Observation {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen
}

// panics is a Recorder with a fault.
type panics struct{}

func (panics) Record(time.Time, health.Observation) { panic("injected") } //nolint:forbidigo // the fault to inject

// serve runs the server as the program does, and returns a connection to it. All of it ends with the test.
func serve(t testing.TB, r processor.Recorder, options processor.Options) (*processor.Server, *grpc.ClientConn) {
	t.Helper()
	s := processor.NewServer(r, options)
	g := grpc.NewServer(s.ServerOptions()...)
	s.Register(g)
	healthv1.RegisterHealthServer(g, grpchealth.NewServer())
	return s, connect(t, g)
}

func connect(t testing.TB, g *grpc.Server) *grpc.ClientConn {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := g.Serve(listener); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	conn, err := grpc.NewClient("passthrough:bufconn",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		g.Stop()
		serving.Wait()
	})
	return conn
}

// envoy is one stream as an Envoy opens it.
type envoy struct {
	t      *testing.T
	stream extprocv3.ExternalProcessor_ProcessClient
	cancel context.CancelFunc
}

func open(t *testing.T, conn *grpc.ClientConn) *envoy {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	stream, err := extprocv3.NewExternalProcessorClient(conn).Process(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return &envoy{t, stream, cancel}
}

func (e *envoy) send(r *extprocv3.ProcessingRequest) {
	e.t.Helper()
	if err := e.stream.Send(r); err != nil {
		e.t.Fatalf("Send: %v", err)
	}
}

// ends waits for the server to end the stream well, without having been asked to.
func (e *envoy) ends() {
	e.t.Helper()
	if r, err := e.stream.Recv(); !errors.Is(err, io.EOF) {
		e.t.Fatalf("got %v, %v, want the stream's end, OK", r, err)
	}
}

func (e *envoy) halfClose() {
	e.t.Helper()
	if err := e.stream.CloseSend(); err != nil {
		e.t.Fatal(err)
	}
}

func (e *envoy) answers(want *extprocv3.ProcessingResponse) {
	e.t.Helper()
	got, err := e.stream.Recv()
	if err != nil {
		e.t.Fatalf("Recv: %v", err)
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		e.t.Fatalf("answer, want (-) got (+):\n%s", diff)
	}
}

// wantResult checks how the only stream so far has ended, once nothing moves any more.
func wantResult(t *testing.T, s *processor.Server, result processor.Result) {
	t.Helper()
	synctest.Wait()
	if st := s.Stats(); st.Streams[result] != 1 || st.ActiveStreams != 0 {
		t.Errorf("stats = %+v, want one stream that ended %s, and none open", st, result)
	}
}

func wantSeen(t *testing.T, r *recorder, want ...health.Observation) {
	t.Helper()
	if diff := cmp.Diff(want, r.all(), cmp.Comparer(func(a, b health.Host) bool { return a == b })); diff != "" {
		t.Errorf("observations, want (-) got (+):\n%s", diff)
	}
}

func observed(r *extprocv3.ProcessingRequest) *extprocv3.ProcessingRequest {
	r.ObservabilityMode = true
	return r
}

// In observability mode the server ends the stream by itself, right after the message that is wanted.
func TestObservability(t *testing.T) {
	grpcHeaders := []string{":status", "200", "content-type", "application/grpc"}
	ok := map[string]any{"response.code": 200}
	good := observation(func(o *health.Observation) { o.Status = 200 })
	failed := observation(func(o *health.Observation) { o.Status, o.GRPC = 200, 14 })
	requestHeaders := &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_RequestHeaders{}}
	body := func(end bool) *extprocv3.ProcessingRequest {
		return &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_ResponseBody{
			ResponseBody: &extprocv3.HttpBody{EndOfStream: end},
		}}
	}
	tests := map[string]struct {
		messages []*extprocv3.ProcessingRequest // the stream ends after the last, and not before
		want     []health.Observation
	}{
		"an error": {[]*extprocv3.ProcessingRequest{golden(t)}, []health.Observation{observation(nil)}},
		"request side first": {
			[]*extprocv3.ProcessingRequest{requestHeaders, golden(t)}, []health.Observation{observation(nil)},
		},
		"103 first": {
			[]*extprocv3.ProcessingRequest{with(t, responseHeaders(":status", "103"), attributes(nil)), golden(t)},
			[]health.Observation{observation(nil)},
		},
		"gRPC, trailers only": {
			[]*extprocv3.ProcessingRequest{with(t, endOfStream(responseHeaders(append(grpcHeaders, "grpc-status", "14")...)), attributes(ok))},
			[]health.Observation{failed},
		},
		"gRPC, failing trailers": {
			[]*extprocv3.ProcessingRequest{
				with(t, responseHeaders(grpcHeaders...), attributes(ok)), body(false), responseTrailers("grpc-status", "14"),
			},
			[]health.Observation{good, failed},
		},
		"gRPC, good trailers": {
			[]*extprocv3.ProcessingRequest{with(t, responseHeaders(grpcHeaders...), attributes(ok)), responseTrailers("grpc-status", "0")},
			[]health.Observation{good},
		},
		"gRPC, an error counted with its headers": {
			[]*extprocv3.ProcessingRequest{
				with(t, responseHeaders(":status", "503", "content-type", "application/grpc"), attributes(nil)),
				responseTrailers("grpc-status", "14"),
			},
			[]health.Observation{observation(nil)},
		},
		"gRPC, body to the end": {
			[]*extprocv3.ProcessingRequest{with(t, responseHeaders(grpcHeaders...), attributes(ok)), body(true)},
			[]health.Observation{good},
		},
		"trailers as the first message": {
			[]*extprocv3.ProcessingRequest{with(t, responseTrailers("grpc-status", "14"), attributes(ok))},
			[]health.Observation{failed},
		},
		"body as the first message": {[]*extprocv3.ProcessingRequest{body(false)}, nil},
		"nobody to charge": {
			[]*extprocv3.ProcessingRequest{with(t, responseHeaders(":status", "503"), attributes(map[string]any{"upstream.address": nil}))}, nil,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &recorder{}
				s, conn := serve(t, r, processor.Options{})
				e := open(t, conn)
				for i, m := range tt.messages {
					if synctest.Wait(); s.Stats().ActiveStreams != 1 {
						t.Fatalf("the stream ended before message %d", i+1)
					}
					e.send(observed(m))
				}
				e.ends()
				wantResult(t, s, processor.ResultDone)
				wantSeen(t, r, tt.want...)
			})
		})
	}
}

func endOfStream(r *extprocv3.ProcessingRequest) *extprocv3.ProcessingRequest {
	r.GetResponseHeaders().EndOfStream = true
	return r
}

// conversation is one request and its response in ordinary mode: all six messages, and the answer to each.
func conversation(t *testing.T) (requests []*extprocv3.ProcessingRequest, answers []*extprocv3.ProcessingResponse) {
	t.Helper()
	type (
		in  = extprocv3.ProcessingRequest
		out = extprocv3.ProcessingResponse
	)
	body := &extprocv3.HttpBody{Body: []byte("hello"), EndOfStream: true}
	requests = []*in{
		{Request: &extprocv3.ProcessingRequest_RequestHeaders{RequestHeaders: &extprocv3.HttpHeaders{Headers: headers(":method", "GET")}}},
		{Request: &extprocv3.ProcessingRequest_RequestBody{RequestBody: body}},
		{Request: &extprocv3.ProcessingRequest_RequestTrailers{RequestTrailers: &extprocv3.HttpTrailers{}}},
		with(t, responseHeaders(":status", "503"), attributes(nil)),
		{Request: &extprocv3.ProcessingRequest_ResponseBody{ResponseBody: body}},
		responseTrailers("x", "y"),
	}
	answers = []*out{
		{Response: &extprocv3.ProcessingResponse_RequestHeaders{RequestHeaders: &extprocv3.HeadersResponse{}}},
		{Response: &extprocv3.ProcessingResponse_RequestBody{RequestBody: &extprocv3.BodyResponse{}}},
		{Response: &extprocv3.ProcessingResponse_RequestTrailers{RequestTrailers: &extprocv3.TrailersResponse{}}},
		{Response: &extprocv3.ProcessingResponse_ResponseHeaders{ResponseHeaders: &extprocv3.HeadersResponse{}}},
		{Response: &extprocv3.ProcessingResponse_ResponseBody{ResponseBody: &extprocv3.BodyResponse{}}},
		{Response: &extprocv3.ProcessingResponse_ResponseTrailers{ResponseTrailers: &extprocv3.TrailersResponse{}}},
	}
	return requests, answers
}

func TestOrdinaryMode(t *testing.T) {
	synctest.Test(t, testOrdinaryMode)
}

func testOrdinaryMode(t *testing.T) {
	r := &recorder{}
	s, conn := serve(t, r, processor.Options{})
	e := open(t, conn)
	requests, answers := conversation(t)
	for i := range requests {
		e.send(requests[i])
		e.answers(answers[i])
	}
	e.halfClose()
	e.ends()
	wantResult(t, s, processor.ResultEOF)
	wantSeen(t, r, observation(nil))
}

// Where Envoy forwards only what comes back, each body comes back as it is.
func TestOrdinaryModeStreamedBodies(t *testing.T) {
	synctest.Test(t, testOrdinaryModeStreamedBodies)
}

func testOrdinaryModeStreamedBodies(t *testing.T) {
	_, conn := serve(t, &recorder{}, processor.Options{})
	e := open(t, conn)
	requests, answers := conversation(t)
	requests[0].ProtocolConfig = &extprocv3.ProtocolConfiguration{
		RequestBodyMode:  extprocconfigv3.ProcessingMode_FULL_DUPLEX_STREAMED,
		ResponseBodyMode: extprocconfigv3.ProcessingMode_GRPC,
	}
	requests[1] = &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_RequestBody{
		RequestBody: &extprocv3.HttpBody{Body: []byte("hello")},
	}}
	requests[4] = &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_ResponseBody{
		ResponseBody: &extprocv3.HttpBody{EndOfStream: true, EndOfStreamWithoutMessage: true, GrpcMessageCompressed: true},
	}}
	answers[1] = &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_RequestBody{
		RequestBody: streamed(&extprocv3.StreamedBodyResponse{Body: []byte("hello")}),
	}}
	answers[4] = &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_ResponseBody{
		ResponseBody: streamed(&extprocv3.StreamedBodyResponse{EndOfStream: true, EndOfStreamWithoutMessage: true, GrpcMessageCompressed: true}),
	}}
	for i := range requests {
		e.send(requests[i])
		e.answers(answers[i])
	}
}

func streamed(b *extprocv3.StreamedBodyResponse) *extprocv3.BodyResponse {
	return &extprocv3.BodyResponse{Response: &extprocv3.CommonResponse{BodyMutation: &extprocv3.BodyMutation{
		Mutation: &extprocv3.BodyMutation_StreamedResponse{StreamedResponse: b},
	}}}
}

// A stream has one response: a second one on it, or its trailers, cannot be charged again.
func TestOneErrorPerStream(t *testing.T) {
	synctest.Test(t, testOneErrorPerStream)
}

func testOneErrorPerStream(t *testing.T) {
	r := &recorder{}
	s, conn := serve(t, r, processor.Options{})
	e := open(t, conn)
	failing := with(t, responseTrailers("grpc-status", "14"), attributes(nil))
	for _, m := range []*extprocv3.ProcessingRequest{golden(t), golden(t), failing, failing, golden(t)} {
		m.ObservabilityMode = false
		e.send(m)
		if _, err := e.stream.Recv(); err != nil {
			t.Fatal(err)
		}
	}
	e.halfClose()
	e.ends()
	wantResult(t, s, processor.ResultEOF)
	wantSeen(t, r, observation(nil))
}

func TestHalfCloseWithoutMessage(t *testing.T) {
	synctest.Test(t, testHalfCloseWithoutMessage)
}

func testHalfCloseWithoutMessage(t *testing.T) {
	r := &recorder{}
	s, conn := serve(t, r, processor.Options{})
	e := open(t, conn)
	e.halfClose()
	e.ends()
	wantResult(t, s, processor.ResultEOF)
	wantSeen(t, r)
}

func TestCancel(t *testing.T) {
	synctest.Test(t, testCancel)
}

func testCancel(t *testing.T) {
	s, conn := serve(t, &recorder{}, processor.Options{})
	e := open(t, conn)
	requests, answers := conversation(t)
	e.send(requests[0])
	e.answers(answers[0])
	e.cancel()
	wantResult(t, s, processor.ResultCanceled)
}

// What cannot be used ends the stream, well: an error could become a user's failed request.
func TestRefused(t *testing.T) {
	large := golden(t)
	large.GetResponseHeaders().Headers.Headers = append(large.GetResponseHeaders().GetHeaders().GetHeaders(),
		&corev3.HeaderValue{Key: "x", RawValue: make([]byte, processor.MaxMessage)})
	malformed := golden(t)
	malformed.ProtoReflect().SetUnknown([]byte{0xff})
	tests := map[processor.Drop]*extprocv3.ProcessingRequest{
		processor.DropTooLarge:   large,
		processor.DropMalformed:  malformed,
		processor.DropUnexpected: {ClientWindowUpdate: &extprocv3.ProcessingRequest_ClientWindowUpdate{}},
	}
	for why, message := range tests {
		for _, mode := range []bool{true, false} {
			t.Run(string(why), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := &recorder{}
					s, conn := serve(t, r, processor.Options{})
					e := open(t, conn)
					message.ObservabilityMode = mode
					e.send(message)
					e.ends()
					wantResult(t, s, processor.ResultRefused)
					if got := s.Stats().Dropped[why]; got != 1 {
						t.Errorf("%s counted %d times, want 1", why, got)
					}
					wantSeen(t, r)
				})
			})
		}
	}
}

// The largest message that is read, and one byte more.
func TestMessageLimit(t *testing.T) {
	synctest.Test(t, testMessageLimit)
}

func testMessageLimit(t *testing.T) {
	for _, excess := range []int{0, 1} {
		r := &recorder{}
		s, conn := serve(t, r, processor.Options{})
		m := golden(t)
		filler := &corev3.HeaderValue{Key: "x", RawValue: make([]byte, processor.MaxMessage/2)}
		m.GetResponseHeaders().Headers.Headers = append(m.GetResponseHeaders().GetHeaders().GetHeaders(), filler)
		filler.RawValue = make([]byte, len(filler.RawValue)+processor.MaxMessage-len(marshal(t, m))+excess)
		if got := len(marshal(t, m)); got != processor.MaxMessage+excess {
			t.Fatalf("the message has %d bytes", got)
		}
		e := open(t, conn)
		e.send(m)
		e.ends()
		if got := len(r.all()); got != 1-excess || s.Stats().Dropped[processor.DropTooLarge] != uint64(excess) {
			t.Errorf("%d bytes over the limit: %d observations, %d too large", excess, got, s.Stats().Dropped[processor.DropTooLarge])
		}
	}
}

func TestPanic(t *testing.T) {
	synctest.Test(t, testPanic)
}

func testPanic(t *testing.T) {
	var log strings.Builder
	s, conn := serve(t, panics{}, processor.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	living := open(t, conn) // a stream beside the one that panics
	requests, answers := conversation(t)
	living.send(requests[0])
	living.answers(answers[0])

	e := open(t, conn)
	e.send(golden(t))
	e.ends()

	living.send(requests[1])
	living.answers(answers[1])
	living.halfClose()
	living.ends()
	wantResult(t, s, processor.ResultPanic)
	if got := s.Stats().Panics; got != 1 {
		t.Errorf("panics = %d, want 1", got)
	}
	if !strings.Contains(log.String(), "injected") || !strings.Contains(log.String(), "exchange_test.go") {
		t.Errorf("the log does not say what panicked, and where: %s", log.String())
	}
}

// On the same server every other service speaks protobuf as ever, and a panic there is an error, not an end.
func TestOtherServices(t *testing.T) {
	synctest.Test(t, testOtherServices)
}

func testOtherServices(t *testing.T) {
	_, conn := serve(t, &recorder{}, processor.Options{})
	response, err := healthv1.NewHealthClient(conn).Check(t.Context(), &healthv1.HealthCheckRequest{})
	if err != nil || response.GetStatus() != healthv1.HealthCheckResponse_SERVING {
		t.Errorf("Check = %v, %v, want SERVING", response, err)
	}

	s := processor.NewServer(&recorder{}, processor.Options{})
	g := grpc.NewServer(s.ServerOptions()...)
	healthv1.RegisterHealthServer(g, nil) // so that each call panics
	_, err = healthv1.NewHealthClient(connect(t, g)).Check(t.Context(), &healthv1.HealthCheckRequest{})
	if status.Code(err) != codes.Internal || s.Stats().Panics != 1 {
		t.Errorf("Check = %v, panics %d, want Internal, 1", err, s.Stats().Panics)
	}
}

// Only where every response is sent does each one add to the volume, and each once.
func TestRequests(t *testing.T) {
	synctest.Test(t, testRequests)
}

func testRequests(t *testing.T) {
	r := &recorder{}
	_, conn := serve(t, r, processor.Options{AllResponses: func(cluster string) bool { return cluster == "web" }})
	streams := [][]*extprocv3.ProcessingRequest{
		{golden(t)},
		{with(t, responseHeaders(":status", "503"), attributes(map[string]any{"xds.cluster_name": "other"}))},
		{
			with(t, responseHeaders(":status", "200", "content-type", "application/grpc"), attributes(map[string]any{"response.code": 200})),
			responseTrailers("grpc-status", "14"),
		},
		{with(t, responseTrailers("grpc-status", "14"), attributes(nil))},
	}
	for _, messages := range streams {
		e := open(t, conn)
		for _, m := range messages {
			e.send(observed(m))
		}
		e.ends()
	}
	var got []int
	for _, o := range r.all() {
		got = append(got, o.Requests)
	}
	if diff := cmp.Diff([]int{1, 0, 1, 0, 0}, got); diff != "" {
		t.Errorf("requests of each observation, want (-) got (+):\n%s", diff)
	}
}

// The tracker is the Recorder that the program uses.
var _ processor.Recorder = (*health.Tracker)(nil)
