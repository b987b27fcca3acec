package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	endpointservicev3 "github.com/envoyproxy/go-control-plane/envoy/service/endpoint/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/config"
)

const oneCluster = `
policy: {recovery_time: 30s, recovery_time_max: 30s, recovery_jitter: 0, probation_weights: []}
clusters:
- name: web
  hosts: [10.0.0.1:8080, 10.0.0.2:8080]
`

// running is the whole program in this process, behind in-memory connections.
type running struct {
	*service

	extProc, eds *grpc.ClientConn
	admin        *bufconn.Listener
	end          func()
}

// start runs the program until the test ends. Call it inside a synctest bubble.
func start(t *testing.T, yaml string) *running {
	t.Helper()
	c, err := config.Parse("test.yaml", []byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	extProc, xds, admin := bufconn.Listen(1<<16), bufconn.Listen(1<<16), bufconn.Listen(1<<16)
	ctx, cancel := context.WithCancel(t.Context())
	s, err := newService(ctx, "passive-health.yaml", c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.serve(ctx, listeners{extProc, xds, admin}) }()
	r := &running{service: s, extProc: dial(t, extProc), eds: dial(t, xds), admin: admin}
	r.end = func() {
		_ = r.extProc.Close()
		_ = r.eds.Close()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the service ended with %v", err)
		}
	}
	return r
}

func dial(t *testing.T, l *bufconn.Listener) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///bufconn",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// answer sends what Envoy sends of one response of the host.
func (r *running) answer(t *testing.T, host, status string, code float64) {
	t.Helper()
	stream, err := extprocv3.NewExternalProcessorClient(r.extProc).Process(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	attributes, err := structpb.NewStruct(map[string]any{
		"upstream.address": host, "xds.cluster_name": "web", "xds.node.id": "envoy-a",
		"response.code": code, "response.code_details": "via_upstream",
	})
	if err != nil {
		t.Fatal(err)
	}
	err = stream.Send(&extprocv3.ProcessingRequest{
		ObservabilityMode: true,
		Attributes:        map[string]*structpb.Struct{"envoy.filters.http.ext_proc": attributes},
		Request: &extprocv3.ProcessingRequest_ResponseHeaders{ResponseHeaders: &extprocv3.HttpHeaders{
			Headers: &corev3.HeaderMap{Headers: []*corev3.HeaderValue{{Key: ":status", RawValue: []byte(status)}}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Fatalf("the stream ended with %v, want OK", err)
	}
}

// watch subscribes to cluster web over delta EDS and delivers each host's health with each push.
func (r *running) watch(t *testing.T) <-chan map[string]corev3.HealthStatus {
	t.Helper()
	stream, err := endpointservicev3.NewEndpointDiscoveryServiceClient(r.eds).DeltaEndpoints(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	err = stream.Send(&discoveryv3.DeltaDiscoveryRequest{
		Node: &corev3.Node{Id: "envoy-b"}, ResourceNamesSubscribe: []string{"web"},
		TypeUrl: "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
	})
	if err != nil {
		t.Fatal(err)
	}
	pushes := make(chan map[string]corev3.HealthStatus, 10)
	go func() {
		defer close(pushes)
		for {
			push, err := stream.Recv()
			if err != nil {
				return
			}
			for _, r := range push.GetResources() {
				pushes <- statuses(t, r)
			}
			_ = stream.Send(&discoveryv3.DeltaDiscoveryRequest{ResponseNonce: push.GetNonce(), TypeUrl: push.GetTypeUrl()})
		}
	}()
	return pushes
}

func statuses(t *testing.T, r *discoveryv3.Resource) map[string]corev3.HealthStatus {
	t.Helper()
	var cla endpointv3.ClusterLoadAssignment
	if err := r.GetResource().UnmarshalTo(&cla); err != nil {
		t.Error(err)
	}
	got := map[string]corev3.HealthStatus{}
	for _, locality := range cla.GetEndpoints() {
		for _, e := range locality.GetLbEndpoints() {
			got[e.GetEndpoint().GetAddress().GetSocketAddress().GetAddress()] = e.GetHealthStatus()
		}
	}
	return got
}

// TestLoopCloses runs the whole program: 503s in, UNHEALTHY out at once, HEALTHY out at exactly recovery_time.
func TestLoopCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, oneCluster)
		defer r.end()
		pushes := r.watch(t)
		want := func(after time.Duration, status corev3.HealthStatus) {
			t.Helper()
			begin := time.Now()
			if got := (<-pushes)["10.0.0.1"]; got != status || time.Since(begin) != after {
				t.Errorf("%v after %v, want %v after %v", got, time.Since(begin), status, after)
			}
		}
		want(0, corev3.HealthStatus_HEALTHY)
		for range 4 {
			r.answer(t, "10.0.0.1:8080", "503", 503)
		}
		synctest.Wait()
		if len(pushes) > 0 {
			t.Fatal("four errors changed EDS")
		}
		r.answer(t, "10.0.0.1:8080", "503", 503)
		want(0, corev3.HealthStatus_UNHEALTHY)
		want(30*time.Second, corev3.HealthStatus_HEALTHY)
	})
}

// TestMetrics holds the metrics to Prometheus's conventions and to what happened.
func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, oneCluster)
		defer r.end()
		<-r.watch(t)
		for range 6 {
			r.answer(t, "10.0.0.1:8080", "503", 503)
		}
		r.answer(t, "10.0.0.2:8080", "200", 200)
		r.answer(t, "10.0.0.9:8080", "503", 503)
		synctest.Wait()
		problems, err := testutil.GatherAndLint(r.registry)
		if err != nil || len(problems) > 0 {
			t.Errorf("promlint: %v %v", problems, err)
		}
		want := `# HELP passive_health_errors_total Errors that the policy counts, by cause.
# TYPE passive_health_errors_total counter
passive_health_errors_total{cluster="web",code="503"} 6
# HELP passive_health_ejections_total Hosts taken out of rotation.
# TYPE passive_health_ejections_total counter
passive_health_ejections_total{cluster="web",reason="errors"} 1
# HELP passive_health_host_unhealthy 1 while EDS says UNHEALTHY of the host.
# TYPE passive_health_host_unhealthy gauge
passive_health_host_unhealthy{cluster="web",host="10.0.0.1:8080"} 1
passive_health_host_unhealthy{cluster="web",host="10.0.0.2:8080"} 0
`
		err = testutil.GatherAndCompare(r.registry, strings.NewReader(want), "passive_health_errors_total",
			"passive_health_ejections_total", "passive_health_host_unhealthy")
		if err != nil {
			t.Error(err)
		}
	})
}
