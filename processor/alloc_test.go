package processor

import (
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/envoy-passive-health/passive-health/health"
)

type lastRecorder struct{ last health.Observation }

func (r *lastRecorder) Record(_ time.Time, o health.Observation) { r.last = o }

func goldenBytes(t testing.TB) []byte {
	t.Helper()
	s, err := structpb.NewStruct(map[string]any{
		"upstream.address": "10.0.0.1:8080", "xds.cluster_name": "web", "xds.node.id": "envoy-a",
		"xds.route_name": "default", "response.code": 503, "response.code_details": "via_upstream",
	})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := proto.Marshal(&extprocv3.ProcessingRequest{
		ObservabilityMode: true,
		Request: &extprocv3.ProcessingRequest_ResponseHeaders{ResponseHeaders: &extprocv3.HttpHeaders{
			Headers: &corev3.HeaderMap{Headers: []*corev3.HeaderValue{{Key: ":status", RawValue: []byte("503")}}},
		}},
		Attributes: map[string]*structpb.Struct{attributesKey: s},
	})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// From the bytes to Record nothing is allocated, once the names are known.
func TestTakeAllocatesNothing(t *testing.T) {
	r := &lastRecorder{}
	x := &exchange{server: NewServer(r, Options{}), message: rawRequest{buffer: mem.SliceBuffer(goldenBytes(t))}}
	allocs := testing.AllocsPerRun(1000, func() {
		x.headers = false // a new stream's first message
		if result := x.take(); result != ResultDone {
			t.Fatalf("take = %q, want %q", result, ResultDone)
		}
	})
	if allocs != 0 || r.last.Status != 503 {
		t.Errorf("%v allocations per message, want 0; last seen %+v", allocs, r.last)
	}
}

// An Observation outlives its message: gRPC uses the buffer again for the next one.
func TestObservationOutlivesMessage(t *testing.T) {
	r := &lastRecorder{}
	raw := goldenBytes(t)
	x := &exchange{server: NewServer(r, Options{}), message: rawRequest{buffer: mem.SliceBuffer(raw)}}
	x.take()
	clear(raw)
	if o := r.last; o.Host.String() != "web 10.0.0.1:8080" || o.Reporter != "envoy-a" || o.Route != "default" {
		t.Errorf("after the buffer was used again: %+v", o)
	}
}

// Random names fill the table and no more; known ones stay, and unknown ones are still told apart.
func TestNamesAreBounded(t *testing.T) {
	n := names{known: map[string]string{}}
	n.copy("web")
	for i := range 2 * maxNames {
		name := "x" + string(rune(0x4e00+i%20000)) + string(rune(0x4e00+i/20000))
		if got := n.copy(name); got != name {
			t.Fatalf("copy(%q) = %q", name, got)
		}
	}
	if len(n.known) != maxNames || n.copy("web") != "web" {
		t.Errorf("%d names kept, want %d", len(n.known), maxNames)
	}
}

func BenchmarkTake(b *testing.B) {
	x := &exchange{
		server:  NewServer(&lastRecorder{}, Options{}),
		message: rawRequest{buffer: mem.SliceBuffer(goldenBytes(b))},
	}
	b.ReportAllocs()
	for b.Loop() {
		x.headers = false
		x.take()
	}
}
