package processor

import (
	"time"

	loadstatsv3 "github.com/envoyproxy/go-control-plane/envoy/service/load_stats/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/envoy-passive-health/passive-health/health"
)

// MaxReport is the largest LoadStatsRequest that is read, in bytes: the node and 150,000 active hosts. gRPC refuses a
// larger one, and its stream ends.
const MaxReport = 4 << 20

// Bounds of Options.LoadReportInterval. Envoy spins at 0, and ends itself below.
const (
	defaultInterval = time.Second
	minInterval     = 50 * time.Millisecond
)

const (
	loadServiceName = "envoy.service.load_stats.v3.LoadReportingService"
	loadMethodName  = "StreamLoadStats"
	loadMethod      = "/" + loadServiceName + "/" + loadMethodName
)

// loadServiceDesc is the generated description with the message types taken out, as serviceDesc is.
var loadServiceDesc = grpc.ServiceDesc{
	ServiceName: loadServiceName,
	HandlerType: (*any)(nil),
	Streams: []grpc.StreamDesc{{
		StreamName: loadMethodName,
		Handler: func(s any, stream grpc.ServerStream) error {
			return s.(*Server).loadReports(stream) //nolint:forcetypeassert,errcheck // Register gave it
		},
		ServerStreams: true,
		ClientStreams: true,
	}},
	Metadata: "envoy/service/load_stats/v3/lrs.proto",
}

// loadReports serves one Envoy's load reports.
func (s *Server) loadReports(stream grpc.ServerStream) error {
	return s.stats.loads.count(func() Result { return s.answerLoads(s.follow(stream, loadMethod, s.readLoads)) })
}

// answerLoads answers once, and again whenever other clusters are wanted.
func (s *Server) answerLoads(r *reading) Result {
	select {
	case <-r.opened:
	case result := <-r.ended:
		return result
	case <-s.ending:
		return ResultStopped
	}
	for answered := false; ; {
		wanted := s.roster.Load()
		if answered || len(wanted.clusters) > 0 { // if asked for none, Envoy would send its node for nothing
			answered = true
			if err := r.stream.SendMsg(s.loadAnswer(wanted)); err != nil {
				return ended(err)
			}
		}
		select {
		case <-wanted.changed:
		case result := <-r.ended:
			return result
		case <-s.ending:
			return ResultStopped
		}
	}
}

func (s *Server) loadAnswer(wanted *roster) *loadstatsv3.LoadStatsResponse {
	return &loadstatsv3.LoadStatsResponse{
		Clusters:                  wanted.clusters,
		LoadReportingInterval:     durationpb.New(s.options.LoadReportInterval),
		ReportEndpointGranularity: true,
	}
}

// readLoads takes the reports. The first message names the reporter; its account is open before the answer goes out,
// which is when Envoy begins to count.
func (s *Server) readLoads(r *reading) Result {
	message := rawRequest{limit: MaxReport}
	defer message.free()
	if err := r.stream.RecvMsg(&message); err != nil {
		return ended(err)
	}
	id, err := ReadReporter(message.bytes())
	if err != nil {
		s.stats.drop(DropMalformed)
		return ResultRefused
	}
	from := s.ledger.open(s.names.copy(name(id)))
	defer s.ledger.close(from)
	close(r.opened)
	for first := true; ; first = false {
		s.takeReport(from, message.bytes(), first)
		message.free() // or each Envoy would hold 60 KB until its next report
		if err := r.stream.RecvMsg(&message); err != nil {
			return ended(err)
		}
	}
}

// intake is what one report is taken apart into. Intakes are used again: a big one has 10,000 hosts.
type intake struct {
	report   LoadReport
	failures []failed
	dropped  []string // clusters
}

// takeReport takes one report. A bad one is left out; the stream goes on. The first of a stream counts all that happened
// since the last report of the stream before, to us or to whom we replace. What of it was shown by then nobody knows any
// more: it gives volumes, and no hidden failures.
func (s *Server) takeReport(from *source, raw []byte, first bool) {
	s.stats.reports.Add(1)
	in := s.intakes.Get().(*intake) //nolint:forcetypeassert,errcheck // nothing else is put there
	defer s.intakes.Put(in)
	in.failures, in.dropped = in.failures[:0], in.dropped[:0]
	if err := ReadLoadReport(raw, &in.report); err != nil {
		s.stats.drop(DropMalformed)
		return
	}
	if s.ledger.doubled(from, in.report.Fingerprint) {
		s.stats.drop(DropDoubled)
		return
	}
	at := time.Now()
	wanted := s.roster.Load()
	for i := range in.report.Clusters {
		s.takeCluster(at, from.reporter, wanted, &in.report.Clusters[i], in)
	}
	if first {
		in.failures = in.failures[:0]
	}
	for _, f := range s.ledger.report(from, at, in.failures, in.dropped) {
		s.chargeHidden(at, from.reporter, f)
	}
}

// takeCluster records volumes, and collects what else there is. Hosts that nobody knows are for package health to count.
func (s *Server) takeCluster(at time.Time, reporter string, wanted *roster, c *ClusterLoad, in *intake) {
	cluster := s.names.copy(alias(c.Name))
	if !wanted.hasCluster(cluster) {
		s.stats.drop(DropSensorOff)
		return
	}
	volumes := !s.options.AllResponses(cluster)
	if c.Dropped > 0 {
		in.dropped = append(in.dropped, cluster)
	}
	for i := range c.Hosts {
		load := &c.Hosts[i]
		host := health.Host{Cluster: cluster, Address: load.Address}
		if !load.Address.IsValid() {
			s.stats.drop(DropBadAddress)
			continue
		}
		if n := load.Succeeded + load.Failed; n > 0 && volumes {
			s.recorder.Record(at, health.Observation{Host: host, Reporter: reporter, Outcome: health.Volume, Requests: n})
			s.stats.volumes.Add(1)
		}
		if load.Failed > 0 && c.Dropped == 0 && wanted.has(host) {
			in.failures = append(in.failures, failed{host, load.Failed})
		}
	}
}

// chargeHidden records hidden failures. Where the filter counts requests, it has not counted these.
func (s *Server) chargeHidden(at time.Time, reporter string, f failed) {
	o := health.Observation{Host: f.host, Reporter: reporter, Outcome: health.Hidden, Count: f.n}
	if s.options.AllResponses(f.host.Cluster) {
		o.Requests = f.n
	}
	s.recorder.Record(at, o)
	s.stats.hidden.Add(uint64(f.n)) //nolint:gosec // at least 1
}
