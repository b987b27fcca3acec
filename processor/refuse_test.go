package processor_test

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/envoy-passive-health/passive-health/processor"
)

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
	if !strings.Contains(log.String(), "injected") || !strings.Contains(log.String(), "panics.Record") {
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
