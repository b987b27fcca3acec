package processor_test

import (
	"testing"
	"testing/synctest"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/envoy-passive-health/passive-health/health"
	"github.com/envoy-passive-health/passive-health/processor"
)

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

// A stream has one response: a second one on it, or its trailers, cannot be charged again.
func TestOneErrorPerStream(t *testing.T) {
	synctest.Test(t, testOneErrorPerStream)
}

func testOneErrorPerStream(t *testing.T) {
	plain, trailersOnly := golden(t), golden(t)
	trailersOnly.Request = responseHeaders(":status", "200", "grpc-status", "14").GetRequest()
	trailersOnly.GetAttributes()[attributesKey].GetFields()["response.code"] = structpb.NewNumberValue(200)
	failing := with(t, responseTrailers("grpc-status", "14"), attributes(nil))
	for first, want := range map[*extprocv3.ProcessingRequest]health.Observation{
		plain:        observation(nil),
		trailersOnly: observation(func(o *health.Observation) { o.Status, o.GRPC = 200, 14 }),
	} {
		r := &recorder{}
		s, conn := serve(t, r, processor.Options{})
		e := open(t, conn)
		for _, m := range []*extprocv3.ProcessingRequest{first, golden(t), failing, failing, golden(t)} {
			m.ObservabilityMode = false
			e.send(m)
			if _, err := e.stream.Recv(); err != nil {
				t.Fatal(err)
			}
		}
		e.halfClose()
		e.ends()
		wantResult(t, s, processor.ResultEOF)
		wantSeen(t, r, want)
	}
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
