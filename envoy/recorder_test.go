package envoy_test

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	endpointservice "github.com/envoyproxy/go-control-plane/envoy/service/endpoint/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	loadstatsv3 "github.com/envoyproxy/go-control-plane/envoy/service/load_stats/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// recorder is the least that a sample can be connected to: it gives the cluster its host and keeps what Envoy sends.
type recorder struct {
	extprocv3.UnimplementedExternalProcessorServer
	loadstatsv3.UnimplementedLoadReportingServiceServer

	addr string

	mu       sync.Mutex
	messages []*extprocv3.ProcessingRequest
	errors   map[string]uint64 // by host address, as load reports count them
}

// startRecorder serves a cluster of one host.
func startRecorder(t *testing.T, cluster, host string) *recorder {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{addr: listener.Addr().String(), errors: make(map[string]uint64)}
	hosts := cache.NewLinearCache(resource.EndpointType,
		cache.WithInitialResources(map[string]types.Resource{cluster: assignment(t, cluster, host)}))
	// Without it gRPC takes the samples' keepalive for an attack and ends the connection.
	s := grpc.NewServer(grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Second}))
	endpointservice.RegisterEndpointDiscoveryServiceServer(s, server.NewServer(t.Context(), hosts, nil))
	extprocv3.RegisterExternalProcessorServer(s, r)
	loadstatsv3.RegisterLoadReportingServiceServer(s, r)
	served := make(chan error, 1)
	go func() { served <- s.Serve(listener) }()
	t.Cleanup(func() {
		s.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return r
}

func assignment(t *testing.T, cluster, host string) *endpointv3.ClusterLoadAssignment {
	t.Helper()
	address, err := netip.ParseAddrPort(host)
	if err != nil {
		t.Fatal(err)
	}
	endpoint := &endpointv3.Endpoint{Address: &corev3.Address{Address: &corev3.Address_SocketAddress{
		SocketAddress: &corev3.SocketAddress{
			Address:       address.Addr().String(),
			PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(address.Port())},
		},
	}}}
	return &endpointv3.ClusterLoadAssignment{
		ClusterName: cluster,
		Endpoints: []*endpointv3.LocalityLbEndpoints{{
			Locality: &corev3.Locality{},
			LbEndpoints: []*endpointv3.LbEndpoint{{
				HostIdentifier:      &endpointv3.LbEndpoint_Endpoint{Endpoint: endpoint},
				LoadBalancingWeight: wrapperspb.UInt32(100),
			}},
		}},
	}
}

// Process keeps the one message of a stream and ends it, as the service does.
func (r *recorder) Process(stream extprocv3.ExternalProcessor_ProcessServer) error {
	message, err := stream.Recv()
	if err != nil {
		return nil // the ordinary end of a stream
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.messages = append(r.messages, message)
	return nil
}

// take returns the messages since it was last called.
func (r *recorder) take() []*extprocv3.ProcessingRequest {
	r.mu.Lock()
	defer r.mu.Unlock()
	taken := r.messages
	r.messages = nil
	return taken
}

// StreamLoadStats asks for reports and adds them up.
func (r *recorder) StreamLoadStats(stream loadstatsv3.LoadReportingService_StreamLoadStatsServer) error {
	asked := false
	for {
		report, err := stream.Recv()
		if err != nil {
			return nil //nolint:nilerr // the ordinary end of a stream
		}
		r.count(report)
		if asked {
			continue
		}
		asked = true
		if err := stream.Send(&loadstatsv3.LoadStatsResponse{
			SendAllClusters:           true,
			LoadReportingInterval:     durationpb.New(100 * time.Millisecond),
			ReportEndpointGranularity: true,
		}); err != nil {
			return err
		}
	}
}

func (r *recorder) count(report *loadstatsv3.LoadStatsRequest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, cluster := range report.GetClusterStats() {
		for _, locality := range cluster.GetUpstreamLocalityStats() {
			for _, endpoint := range locality.GetUpstreamEndpointStats() {
				address := endpoint.GetAddress().GetSocketAddress()
				host := netip.AddrPortFrom(netip.MustParseAddr(address.GetAddress()), uint16(address.GetPortValue()))
				r.errors[host.String()] += endpoint.GetTotalErrorRequests()
			}
		}
	}
}

func (r *recorder) errorsOf(host string) uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.errors[host]
}

// awaitMessage returns the next message.
func (r *recorder) awaitMessage(ctx context.Context) (*extprocv3.ProcessingRequest, error) {
	ticks := time.NewTicker(time.Millisecond)
	defer ticks.Stop()
	for {
		if taken := r.take(); len(taken) > 0 {
			return taken[0], nil
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
