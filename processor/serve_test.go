package processor_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	grpchealth "google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
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

// The tracker is the Recorder that the program uses.
var _ processor.Recorder = (*health.Tracker)(nil)
