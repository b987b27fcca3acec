package processor_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	loadstatsv3 "github.com/envoyproxy/go-control-plane/envoy/service/load_stats/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/envoy-passive-health/passive-health/health"
	"github.com/envoy-passive-health/passive-health/processor"
)

// reportShape is what a benchmark's reports are like: so many clusters with so many active hosts in all.
type reportShape struct{ clusters, hosts int }

// reportShapes are the fleets of 1,000 Envoys that the benchmark plays.
var reportShapes = map[string]reportShape{
	"reports-quiet": {100, 5},   // 63 KB each, as real Envoys send them
	"reports-busy":  {100, 500}, // five active hosts in every cluster
}

const reportingEnvoys = 1000

// realNode is as large as that of Envoy 1.40.0, which lists its 516 extensions.
func realNode(id string) *corev3.Node {
	n := &corev3.Node{Id: id, Cluster: "edge", UserAgentName: "envoy"}
	for i := range 516 {
		n.Extensions = append(n.Extensions, &corev3.Extension{
			Name: fmt.Sprintf("envoy.extension.%03d", i), Category: "envoy.filters.http", TypeUrls: []string{strings.Repeat("t", 70)},
		})
	}
	return n
}

func (s reportShape) report(id string) *loadstatsv3.LoadStatsRequest {
	r := &loadstatsv3.LoadStatsRequest{Node: realNode(id)}
	for i := range s.clusters {
		r.ClusterStats = append(r.ClusterStats, &endpointv3.ClusterStats{
			ClusterName: fmt.Sprint("cluster-", i), LoadReportInterval: durationpb.New(time.Second),
		})
	}
	for i := range s.hosts {
		c := r.GetClusterStats()[i%s.clusters]
		if len(c.GetUpstreamLocalityStats()) == 0 {
			c.UpstreamLocalityStats = []*endpointv3.UpstreamLocalityStats{{Locality: &corev3.Locality{Zone: "z1"}}}
		}
		locality := c.GetUpstreamLocalityStats()[0]
		failed := uint64(0)
		if i == 0 { // one host of the fleet is ill
			failed = 1
		}
		locality.UpstreamEndpointStats = append(locality.UpstreamEndpointStats, hostLoad(s.address(i).String(), 9, failed))
	}
	return r
}

func (s reportShape) address(host int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(host >> 16), byte(host >> 8), byte(host)})
}

func (s reportShape) wanted() []health.Cluster {
	all := make([]health.Cluster, s.clusters)
	for i := range all {
		all[i] = health.Cluster{Name: fmt.Sprint("cluster-", i), Policy: health.DefaultPolicy()}
	}
	for i := range s.hosts {
		c := &all[i%s.clusters]
		c.Members = append(c.Members, health.Member{Address: netip.AddrPortFrom(s.address(i), 8080), Weight: 1})
	}
	return all
}

// BenchmarkReadLoadReport reads reports as Envoy sends them, beside the generated type.
func BenchmarkReadLoadReport(b *testing.B) {
	for _, shape := range []reportShape{{1, 5}, {100, 5}, {100, 10_000}} {
		raw := marshal(b, shape.report("envoy-a"))
		b.Run(fmt.Sprintf("%d-hosts-%d-bytes/ours", shape.hosts, len(raw)), func(b *testing.B) {
			var r processor.LoadReport
			b.ReportAllocs()
			for b.Loop() {
				if err := processor.ReadLoadReport(raw, &r); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("%d-hosts-%d-bytes/generated", shape.hosts, len(raw)), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var r loadstatsv3.LoadStatsRequest
				if err := proto.Unmarshal(raw, &r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkLoadReports measures the server's CPU for one report, of 1,000 Envoys with a connection each, and what that is
// of a core when each reports once a second.
func BenchmarkLoadReports(b *testing.B) {
	for mode, shape := range reportShapes {
		b.Run(mode, func(b *testing.B) {
			for range b.N {
				tracker := health.NewTracker()
				tracker.SetClusters(time.Now(), shape.wanted())
				s := processor.NewServer(tracker, processor.Options{})
				s.SetClusters(shape.wanted())
				g := grpc.NewServer(s.ServerOptions()...)
				s.Register(g)
				cost := measure(b, g, mode)
				b.ReportMetric(cost.cpu, "us/report")
				b.ReportMetric(cost.allocs, "allocs/report")
				b.ReportMetric(cost.cpu*reportingEnvoys/1e6, "cores")
				if got := s.Stats().Dropped[processor.DropDoubled]; got != 0 {
					b.Fatalf("%d reports were not taken", got)
				}
			}
		})
	}
}

// runReports is the Envoys: each with its connection and stream, and a report to warm up; then, when told to, those that
// count. It ends when the server has read them all.
func runReports(address string, shape reportShape, in io.Reader, out io.Writer) error {
	reporters := make([]*reporter, reportingEnvoys)
	for i := range reporters {
		r, err := newReporter(address, shape.report(fmt.Sprint("envoy-", i)))
		if err != nil {
			return err
		}
		defer r.conn.Close()
		reporters[i] = r
	}
	if err := each(reporters, func(r *reporter) error { return r.send(1) }); err != nil {
		return err
	}
	fmt.Fprintln(out, "warm")
	if _, err := bufio.NewReader(in).ReadString('\n'); err != nil {
		return err
	}
	for range loadStreams / reportingEnvoys { // in rounds, as seconds are
		if err := each(reporters, func(r *reporter) error { return r.send(1) }); err != nil {
			return err
		}
	}
	if err := each(reporters, (*reporter).end); err != nil {
		return err
	}
	fmt.Fprintln(out, "done")
	return nil
}

// each does something with every reporter, a few at a time.
func each(reporters []*reporter, do func(*reporter) error) error {
	const workers = 16
	var all sync.WaitGroup
	faults := make(chan error, workers)
	for w := range workers {
		all.Go(func() {
			for i := w; i < len(reporters); i += workers {
				if err := do(reporters[i]); err != nil {
					faults <- err
					return
				}
			}
		})
	}
	all.Wait()
	close(faults)
	return <-faults
}

type reporter struct {
	conn    *grpc.ClientConn
	stream  loadstatsv3.LoadReportingService_StreamLoadStatsClient
	message *loadstatsv3.LoadStatsRequest
}

func newReporter(address string, message *loadstatsv3.LoadStatsRequest) (*reporter, error) {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	stream, err := loadstatsv3.NewLoadReportingServiceClient(conn).StreamLoadStats(context.Background())
	return &reporter{conn, stream, message}, err
}

// send sends reports that differ, as two of Envoy's do.
func (r *reporter) send(n int) error {
	for range n {
		r.message.GetClusterStats()[0].GetLoadReportInterval().Nanos += 1000
		if err := r.stream.Send(r.message); err != nil {
			return err
		}
	}
	return nil
}

// end returns when the server has read everything.
func (r *reporter) end() error {
	if err := r.stream.CloseSend(); err != nil {
		return err
	}
	for {
		if _, err := r.stream.Recv(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}
