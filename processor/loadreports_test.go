package processor_test

import (
	"context"
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
	"github.com/envoy-passive-health/passive-health/processor"
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

// The server answers once, and again only when other clusters are wanted; never before the Envoy has spoken.
func TestLoadAnswers(t *testing.T) {
	synctest.Test(t, testLoadAnswers)
}

func testLoadAnswers(t *testing.T) {
	s, conn := serve(t, &recorder{}, processor.Options{LoadReportInterval: 5 * time.Second})
	s.SetClusters(clusters("web", "api"))
	l := openLoads(t, conn, "envoy-a")
	l.answers(loadAnswer(5*time.Second, "api", "web"))
	l.send(hostLoad("10.0.0.1", 1, 0))
	s.SetClusters(clusters("api", "web")) // the same
	s.SetClusters(clusters("web"))
	l.answers(loadAnswer(5*time.Second, "web"))
	s.SetClusters(nil)
	l.answers(loadAnswer(5 * time.Second))
	s.EndStreams()
	s.EndStreams() // again is as good as once
	if r, err := l.stream.Recv(); err == nil {
		t.Errorf("one answer too many: %v", r)
	}
	synctest.Wait()
	if st := s.Stats().LoadReports; st.Streams[processor.ResultStopped] != 1 || st.ActiveStreams != 0 || st.Reporters != 0 {
		t.Errorf("stats = %+v, want one stopped stream and nothing left", st)
	}
}

// While no load reports are wanted, Envoy is not told to send any.
func TestLoadAnswerWaitsForClusters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, conn := serve(t, &recorder{}, processor.Options{LoadReportInterval: time.Nanosecond})
		l := openLoads(t, conn, "envoy-a")
		s.SetClusters(clusters("web"))
		l.answers(loadAnswer(50*time.Millisecond, "web"))
	})
}

// Volumes at once, hidden failures one interval later; and what ext_proc has shown is not hidden.
func TestLoadReports(t *testing.T) {
	synctest.Test(t, testLoadReports)
}

func testLoadReports(t *testing.T) {
	r := &recorder{}
	s, conn := serve(t, r, processor.Options{})
	s.SetClusters(clusters("web"))
	l := openLoads(t, conn, "envoy-a")
	l.answers(loadAnswer(time.Second, "web"))

	e := open(t, conn)
	e.send(golden(t))
	e.ends()
	<-time.After(time.Second)
	l.send(hostLoad("10.0.0.1", 5, 3), hostLoad("10.0.0.2", 1, 0), hostLoad("10.0.0.2", 0, 0))
	<-time.After(time.Second)
	l.send()
	<-time.After(time.Second)
	l.send()
	wantSeen(t, r, observation(nil), volume("10.0.0.1", 8), volume("10.0.0.2", 1), hidden("10.0.0.1", 2))
	if st := s.Stats().LoadReports; st.Reports != 4 || st.Volumes != 2 || st.Hidden != 2 || st.Reporters != 1 {
		t.Errorf("stats = %+v", st)
	}
}

// What a message shows and nobody is charged for explains its share all the same.
func TestLoadReportsExplained(t *testing.T) {
	const overflow = "upstream_reset_before_response_started{overflow}"
	tests := map[string]struct {
		headers []string
		change  map[string]any
		left    int // of one failure
	}{
		"503":                          {[]string{":status", "503"}, nil, 0},
		"501, which the rules ignore":  {[]string{":status", "501"}, map[string]any{"response.code": 501}, 0},
		"an overflow":                  {[]string{":status", "503"}, map[string]any{"response.code_details": overflow}, 0},
		"an overflow, for gRPC":        {[]string{":status", "200", "grpc-status", "14"}, map[string]any{"response.code_details": overflow}, 0},
		"Envoy's own answer":           {[]string{":status", "503"}, map[string]any{"response.code_details": "direct_response"}, 0},
		"a timeout":                    {[]string{":status", "504"}, map[string]any{"response.code_details": "response_timeout"}, 0},
		"gRPC UNKNOWN":                 {[]string{":status", "200", "grpc-status", "2"}, map[string]any{"response.code": 200}, 0},
		"gRPC NOT_FOUND, no failure":   {[]string{":status", "200", "grpc-status", "5"}, map[string]any{"response.code": 200}, 1},
		"404, no failure":              {[]string{":status", "404"}, map[string]any{"response.code": 404}, 1},
		"103, the answer is to come":   {[]string{":status", "103"}, nil, 1},
		"no host":                      {[]string{":status", "503"}, map[string]any{"upstream.address": nil}, 1},
		"another host":                 {[]string{":status", "503"}, map[string]any{"upstream.address": "10.0.0.2:8080"}, 1},
		"a host that is not listed":    {[]string{":status", "503"}, map[string]any{"upstream.address": "10.0.0.9:8080"}, 1},
		"a cluster that is not wanted": {[]string{":status", "503"}, map[string]any{"xds.cluster_name": "other"}, 1},
		"another Envoy":                {[]string{":status", "503"}, map[string]any{"xds.node.id": "envoy-b"}, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, conn := serve(t, &recorder{}, processor.Options{})
				s.SetClusters(clusters("web"))
				l := openLoads(t, conn, "envoy-a")
				e := open(t, conn)
				e.send(with(t, responseHeaders(tt.headers...), attributes(tt.change)))
				synctest.Wait()
				<-time.After(time.Second)
				l.send(hostLoad("10.0.0.1", 0, 1))
				<-time.After(time.Second)
				l.send()
				if got := s.Stats().LoadReports.Hidden; got != uint64(tt.left) {
					t.Errorf("%d hidden failures, want %d", got, tt.left)
				}
			})
		})
	}
}

// Failing trailers explain one failure, and the headers before them none.
func TestLoadReportsExplainedByTrailers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, conn := serve(t, &recorder{}, processor.Options{})
		s.SetClusters(clusters("web"))
		l := openLoads(t, conn, "envoy-a")
		e := open(t, conn)
		headers := responseHeaders(":status", "200", "content-type", "application/grpc")
		e.send(observed(with(t, headers, attributes(map[string]any{"response.code": 200}))))
		e.send(observed(responseTrailers("grpc-status", "14")))
		e.ends()
		<-time.After(time.Second)
		l.send(hostLoad("10.0.0.1", 0, 2))
		<-time.After(time.Second)
		l.send()
		if got := s.Stats().LoadReports.Hidden; got != 1 {
			t.Errorf("%d hidden failures of two, one of them shown", got)
		}
	})
}

// Where every response adds to the volume, a report adds only what it alone has seen.
func TestLoadReportsBesideAllResponses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		s, conn := serve(t, r, processor.Options{AllResponses: func(cluster string) bool { return cluster == "web" }})
		s.SetClusters(clusters("web"))
		l := openLoads(t, conn, "envoy-a")
		l.send(hostLoad("10.0.0.1", 5, 2))
		<-time.After(time.Second)
		l.send()
		want := hidden("10.0.0.1", 2)
		want.Requests = 2
		wantSeen(t, r, want)
	})
}

// Reports that cannot be used, or not wholly, are left out; the stream goes on.
func TestLoadReportsUnusable(t *testing.T) {
	synctest.Test(t, testLoadReportsUnusable)
}

func testLoadReportsUnusable(t *testing.T) {
	r := &recorder{}
	s, conn := serve(t, r, processor.Options{})
	s.SetClusters(clusters("web"))
	l := openLoads(t, conn, "envoy-a")
	l.answers(loadAnswer(time.Second, "web"))

	overflow := loadRequest("envoy-a", time.Second, 1, hostLoad("10.0.0.1", 1, 4))
	l.sendRaw(overflow)
	l.sendRaw(overflow) // once more
	damaged := loadRequest("envoy-a", time.Second, 0)
	damaged.ProtoReflect().SetUnknown([]byte{0x12, 0x02, 0x0a, 0x09}) // a cluster that claims nine bytes of none
	l.sendRaw(damaged)
	pipe := hostLoad("10.0.0.1", 1, 1)
	pipe.Address = &corev3.Address{Address: &corev3.Address_Pipe{Pipe: &corev3.Pipe{Path: "/run/web.sock"}}}
	l.send(pipe, hostLoad("10.0.0.9", 0, 1))
	<-time.After(time.Second)
	l.send()
	wantSeen(t, r, volume("10.0.0.1", 5), volume("10.0.0.9", 1))
	dropped := s.Stats().Dropped
	for _, why := range []processor.Drop{processor.DropDoubled, processor.DropMalformed, processor.DropBadAddress} {
		if dropped[why] != 1 {
			t.Errorf("%d dropped as %s, want 1", dropped[why], why)
		}
	}
	if st := s.Stats().LoadReports; st.ActiveStreams != 1 || st.Reports != 6 {
		t.Errorf("stats = %+v, want the stream open and 6 reports", st)
	}
}

// How a stream ends. None leaves an account behind.
func TestLoadStreamEnds(t *testing.T) {
	tests := map[processor.Result]func(context.CancelFunc, *loads){
		processor.ResultEOF:      func(_ context.CancelFunc, l *loads) { _ = l.stream.CloseSend() },
		processor.ResultCanceled: func(cancel context.CancelFunc, _ *loads) { cancel() },
		processor.ResultBroken: func(_ context.CancelFunc, l *loads) { // over the limit, which gRPC sees to
			_ = l.stream.Send(&loadstatsv3.LoadStatsRequest{Node: &corev3.Node{Id: string(make([]byte, processor.MaxReport))}})
		},
	}
	for result, end := range tests {
		t.Run(string(result), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, conn := serve(t, &recorder{}, processor.Options{})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				stream, err := loadstatsv3.NewLoadReportingServiceClient(conn).StreamLoadStats(ctx)
				if err != nil {
					t.Fatal(err)
				}
				l := &loads{t: t, stream: stream}
				l.sendRaw(&loadstatsv3.LoadStatsRequest{Node: &corev3.Node{Id: "envoy-a"}})
				end(cancel, l)
				synctest.Wait()
				if st := s.Stats().LoadReports; st.Streams[result] != 1 || st.ActiveStreams != 0 || st.Reporters != 0 {
					t.Errorf("stats = %+v, want one stream that ended %s", st, result)
				}
			})
		})
	}
}

// A fault of ours ends one stream and nothing else.
func TestLoadPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, conn := serve(t, panics{}, processor.Options{})
		s.SetClusters(clusters("web"))
		l := openLoads(t, conn, "envoy-a")
		l.send(hostLoad("10.0.0.1", 1, 0))
		if st := s.Stats(); st.Panics != 1 || st.LoadReports.Streams[processor.ResultPanic] != 1 || st.LoadReports.Reporters != 0 {
			t.Errorf("stats = %+v, want one panic", st)
		}
	})
}
