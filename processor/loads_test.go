package processor_test

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	loadstatsv3 "github.com/envoyproxy/go-control-plane/envoy/service/load_stats/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/envoy-passive-health/passive-health/health"
)

type hostStats = endpointv3.UpstreamEndpointStats

// loads is one Envoy's load-report stream.
type loads struct {
	t      *testing.T
	stream loadstatsv3.LoadReportingService_StreamLoadStatsClient
	took   time.Duration // differs from report to report, as it does in life
}

// openLoads opens the stream as Envoy does: with a first message that names the node.
func openLoads(t *testing.T, conn *grpc.ClientConn, node string) *loads {
	t.Helper()
	stream, err := loadstatsv3.NewLoadReportingServiceClient(conn).StreamLoadStats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	l := &loads{t: t, stream: stream, took: time.Second}
	l.sendRaw(&loadstatsv3.LoadStatsRequest{Node: &corev3.Node{Id: node}})
	return l
}

func (l *loads) sendRaw(r *loadstatsv3.LoadStatsRequest) {
	l.t.Helper()
	if err := l.stream.Send(r); err != nil {
		l.t.Fatal(err)
	}
	synctest.Wait()
}

// send sends a report of the cluster "web".
func (l *loads) send(hosts ...*hostStats) {
	l.t.Helper()
	l.took += time.Microsecond
	l.sendRaw(loadRequest("envoy-a", l.took, 0, hosts...))
}

func (l *loads) answers(want *loadstatsv3.LoadStatsResponse) {
	l.t.Helper()
	got, err := l.stream.Recv()
	if err != nil {
		l.t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		l.t.Errorf("answer, want (-) got (+):\n%s", diff)
	}
}

func loadRequest(node string, took time.Duration, dropped uint64, hosts ...*hostStats) *loadstatsv3.LoadStatsRequest {
	return &loadstatsv3.LoadStatsRequest{
		Node: &corev3.Node{Id: node},
		ClusterStats: []*endpointv3.ClusterStats{{
			ClusterName:           "web",
			TotalDroppedRequests:  dropped,
			LoadReportInterval:    durationpb.New(took),
			UpstreamLocalityStats: []*endpointv3.UpstreamLocalityStats{{UpstreamEndpointStats: hosts}},
		}},
	}
}

func hostLoad(ip string, succeeded, failed uint64) *hostStats {
	return &hostStats{
		Address: &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
			Address: ip, PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: 8080},
		}}},
		TotalSuccessfulRequests: succeeded, TotalErrorRequests: failed, TotalIssuedRequests: succeeded + failed,
	}
}

func clusters(names ...string) []health.Cluster {
	var all []health.Cluster
	for _, name := range names {
		all = append(all, health.Cluster{Name: name, Members: []health.Member{
			{Address: netip.MustParseAddrPort("10.0.0.1:8080")}, {Address: netip.MustParseAddrPort("10.0.0.2:8080")},
		}})
	}
	return all
}

// observed of a load report.
func loaded(ip string, change func(*health.Observation)) health.Observation {
	o := health.Observation{
		Host: health.Host{Cluster: "web", Address: netip.MustParseAddrPort(ip + ":8080")}, Reporter: "envoy-a",
	}
	change(&o)
	return o
}

func volume(ip string, n int) health.Observation {
	return loaded(ip, func(o *health.Observation) { o.Outcome, o.Requests = health.Volume, n })
}

func hidden(ip string, n int) health.Observation {
	return loaded(ip, func(o *health.Observation) { o.Outcome, o.Count = health.Hidden, n })
}

func loadAnswer(interval time.Duration, clusters ...string) *loadstatsv3.LoadStatsResponse {
	return &loadstatsv3.LoadStatsResponse{
		Clusters: clusters, LoadReportingInterval: durationpb.New(interval), ReportEndpointGranularity: true,
	}
}
