package xds

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/envoy-passive-health/passive-health/health"
)

// options are those of a quiet server.
func options() Options {
	return Options{Logger: slog.New(slog.DiscardHandler), VersionPrefix: "run1-"}
}

// serve runs a server over bufconn until the test ends, and returns it with a connection to it.
func serve(t *testing.T, o Options) (*Server, *grpc.ClientConn) {
	t.Helper()
	return serveUntil(t.Context(), t, o)
}

// serveUntil is serve with a context of the server's own. The test hangs at its end if the end of the context does not
// end all streams.
func serveUntil(ctx context.Context, t *testing.T, o Options) (*Server, *grpc.ClientConn) {
	t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	s := New(ctx, o)
	listener := bufconn.Listen(1 << 20)
	g := grpc.NewServer()
	s.Register(g)
	done := make(chan error, 1)
	go func() { done <- g.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///bufconn", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		g.GracefulStop()
		conn.Close()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return s, conn
}

// host is one host of a snapshot, at weight 100 in no zone.
func host(cluster, address string, p health.Published) health.HostSnapshot {
	return health.HostSnapshot{
		Host:            health.Host{Cluster: cluster, Address: netip.MustParseAddrPort(address)},
		Weight:          100,
		Published:       p,
		PublishedWeight: 100,
	}
}

// snapshot has two hosts, of which the first is published as told.
func snapshot(cluster string, p health.Published) health.Snapshot {
	return health.Snapshot{Cluster: cluster, Hosts: []health.HostSnapshot{
		host(cluster, "10.0.0.1:8080", p),
		host(cluster, "10.0.0.2:8080", health.PublishedHealthy),
	}}
}

func publish(t *testing.T, s *Server, snapshots ...health.Snapshot) {
	t.Helper()
	if err := s.Publish(snapshots); err != nil {
		t.Fatalf("Publish: %v", err)
	}
}

func node(id string) *corev3.Node { return &corev3.Node{Id: id, Cluster: "edge"} }

var refusal = &status.Status{Code: 13, Message: "malformed"}

// said sums a CLA up: its name and each host's status.
func said(t *testing.T, a *anypb.Any) string {
	t.Helper()
	cla := new(endpointv3.ClusterLoadAssignment)
	if err := a.UnmarshalTo(cla); err != nil {
		t.Errorf("resource: %v", err)
	}
	hosts := []string{cla.GetClusterName()}
	for _, l := range cla.GetEndpoints() {
		for _, e := range l.GetLbEndpoints() {
			a := e.GetEndpoint().GetAddress().GetSocketAddress()
			hosts = append(hosts, fmt.Sprintf("%s:%d=%s", a.GetAddress(), a.GetPortValue(), e.GetHealthStatus()))
		}
	}
	return strings.Join(hosts, " ")
}

const (
	webHealthy = "web 10.0.0.1:8080=HEALTHY 10.0.0.2:8080=HEALTHY"
	webMarked  = "web 10.0.0.1:8080=UNHEALTHY 10.0.0.2:8080=HEALTHY"
	apiHealthy = "api 10.0.0.1:8080=HEALTHY 10.0.0.2:8080=HEALTHY"
	apiMarked  = "api 10.0.0.1:8080=UNHEALTHY 10.0.0.2:8080=HEALTHY"
)

// rig is a server with web and api published, and a way to dial it.
type rig struct {
	t      *testing.T
	server *Server
	conn   *grpc.ClientConn
	kind   string
}

func (r *rig) dial(id string) *client { return open(r.t, r.conn, node(id), r.kind) }

func (r *rig) publish(snapshots ...health.Snapshot) {
	r.t.Helper()
	publish(r.t, r.server, snapshots...)
}

func (r *rig) only() Proxy {
	r.t.Helper()
	return only(r.t, r.server)
}

// eachKind runs a test in its own bubble for each way to ask for endpoints.
func eachKind(t *testing.T, test func(r *rig)) {
	t.Helper()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, conn := serve(t, options())
				s.SetClusters([]Cluster{{Name: "web"}, {Name: "api"}})
				publish(t, s, snapshot("web", health.PublishedHealthy), snapshot("api", health.PublishedHealthy))
				test(&rig{t: t, server: s, conn: conn, kind: kind})
			})
		})
	}
}
