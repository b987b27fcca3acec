package loop_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	endpointservicev3 "github.com/envoyproxy/go-control-plane/envoy/service/endpoint/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/envoy-passive-health/passive-health/envoy/envoytest"
)

const hostsOfCluster = 100

// Ten thousand hosts are loaded, published, ejected and shown, also by a program that the race detector slows down and
// on a machine that is busy.
func TestTenThousandHosts(t *testing.T) {
	t.Parallel()
	scale(t, 100)
}

// BenchmarkHundredThousandHosts logs what `make bench-scale` is to show.
func BenchmarkHundredThousandHosts(b *testing.B) {
	for b.Loop() {
		scale(b, 1000)
	}
}

// scale goes through the life of a service with so many clusters.
func scale(t testing.TB, clusters int) {
	t.Helper()
	if _, err := program(); err != nil { // built before the time runs
		t.Fatal(err)
	}
	took := stopwatch(t)
	service := envoytest.StartService(t, program, manyClusters(clusters))
	took("to start and publish", 30*time.Second)
	if got := len(service.Hosts(t, clusterName(7))); got != hostsOfCluster {
		t.Errorf("%d hosts of one cluster, want %d", got, hostsOfCluster)
	}
	took("to answer /api/v1/hosts?cluster=", 2*time.Second)

	stream := subscribe(t, service.XDS, clusterName(7))
	if got := receive(t, stream); len(got) != hostsOfCluster {
		t.Errorf("%d hosts published, want %d", len(got), hostsOfCluster)
	}
	took("to subscribe to one cluster", 2*time.Second)
	bad := hostAddress(7, 3).String()
	reportErrors(t, service.ExtProc, clusterName(7), bad, 5)
	if got := receive(t, stream); got[bad] != corev3.HealthStatus_UNHEALTHY {
		t.Errorf("after five errors %s is %v", bad, got[bad])
	}
	took("from five errors to the mark", 2*time.Second)

	if code, _ := service.Stop(t); code != 0 {
		t.Errorf("ended with %d", code)
	}
	t.Logf("%4d MiB of memory at most", service.PeakMemory()>>20)
	assertAllShown(t, service, clusters, took)
}

// assertAllShown asks for everything there is, which takes more memory than all of the rest.
func assertAllShown(t testing.TB, service *envoytest.Service, clusters int, took func(string, time.Duration)) {
	t.Helper()
	service.Start(t)
	took("to end and start again", 60*time.Second)
	if got := len(service.Hosts(t, "")); got != clusters*hostsOfCluster {
		t.Errorf("%d hosts, want %d", got, clusters*hostsOfCluster)
	}
	took("to answer /api/v1/hosts", 30*time.Second)
	service.Metrics(t)
	took("to answer /metrics", 60*time.Second)
	if code, _ := service.Stop(t); code != 0 {
		t.Errorf("ended with %d", code)
	}
	t.Logf("%4d MiB of memory at most, with all of that asked for", service.PeakMemory()>>20)
	if most := int64(2 << 30); service.PeakMemory() > most {
		t.Errorf("%d bytes of memory, want at most %d", service.PeakMemory(), most)
	}
}

// stopwatch returns a function that logs the time since it was last called, and fails the test if that is too long.
func stopwatch(t testing.TB) func(what string, most time.Duration) {
	t.Helper()
	last := time.Now()
	return func(what string, most time.Duration) {
		t.Helper()
		took := time.Since(last)
		t.Logf("%4d ms %s", took.Milliseconds(), what)
		if took > most {
			t.Errorf("%v %s, want at most %v", took, what, most)
		}
		last = time.Now()
	}
}

func manyClusters(n int) string {
	var b strings.Builder
	b.WriteString("clusters:\n")
	for c := range n {
		fmt.Fprintf(&b, "- name: %s\n  hosts:\n", clusterName(c))
		for h := range hostsOfCluster {
			fmt.Fprintf(&b, "  - %s\n", hostAddress(c, h))
		}
	}
	return b.String()
}

func clusterName(c int) string { return fmt.Sprintf("cluster-%d", c) }

func hostAddress(c, h int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(c >> 8), byte(c), byte(h)}), 8080)
}

// subscribe asks for one cluster over delta EDS, as an Envoy does.
func subscribe(t testing.TB, address, cluster string) endpointservicev3.EndpointDiscoveryService_DeltaEndpointsClient {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	t.Cleanup(cancel)
	stream, err := endpointservicev3.NewEndpointDiscoveryServiceClient(dial(t, address)).DeltaEndpoints(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&discoveryv3.DeltaDiscoveryRequest{
		Node: &corev3.Node{Id: "envoy-scale"}, TypeUrl: resource.EndpointType, ResourceNamesSubscribe: []string{cluster},
	}); err != nil {
		t.Fatal(err)
	}
	return stream
}

// receive confirms the next push, which must be about one cluster, and returns the health of its hosts.
func receive(t testing.TB, stream endpointservicev3.EndpointDiscoveryService_DeltaEndpointsClient) map[string]corev3.HealthStatus {
	t.Helper()
	push, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	if len(push.GetResources()) != 1 {
		t.Fatalf("%d clusters in a push, want 1", len(push.GetResources()))
	}
	ack := &discoveryv3.DeltaDiscoveryRequest{TypeUrl: push.GetTypeUrl(), ResponseNonce: push.GetNonce()}
	if err := stream.Send(ack); err != nil {
		t.Fatal(err)
	}
	var assignment endpointv3.ClusterLoadAssignment
	if err := push.GetResources()[0].GetResource().UnmarshalTo(&assignment); err != nil {
		t.Fatal(err)
	}
	hosts := make(map[string]corev3.HealthStatus)
	for _, locality := range assignment.GetEndpoints() {
		for _, endpoint := range locality.GetLbEndpoints() {
			socket := endpoint.GetEndpoint().GetAddress().GetSocketAddress()
			hosts[fmt.Sprintf("%s:%d", socket.GetAddress(), socket.GetPortValue())] = endpoint.GetHealthStatus()
		}
	}
	return hosts
}

// reportErrors sends what Envoy sends of so many 503s of a host.
func reportErrors(t testing.TB, address, cluster, host string, n int) {
	t.Helper()
	client := extprocv3.NewExternalProcessorClient(dial(t, address))
	attributes, err := structpb.NewStruct(map[string]any{
		"upstream.address": host, "xds.cluster_name": cluster, "xds.node.id": "envoy-scale",
		"response.code": 503, "response.code_details": "via_upstream",
	})
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		stream, err := client.Process(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Send(&extprocv3.ProcessingRequest{
			ObservabilityMode: true,
			Attributes:        map[string]*structpb.Struct{"envoy.filters.http.ext_proc": attributes},
			Request: &extprocv3.ProcessingRequest_ResponseHeaders{ResponseHeaders: &extprocv3.HttpHeaders{
				Headers: &corev3.HeaderMap{Headers: []*corev3.HeaderValue{{Key: ":status", RawValue: []byte("503")}}},
			}},
		}); err != nil {
			t.Fatal(err)
		}
	}
}

func dial(t testing.TB, address string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return conn
}
