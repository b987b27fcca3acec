package processor

import (
	"cmp"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"github.com/envoy-passive-health/passive-health/health"
)

// Recorder takes what the sensors see. *health.Tracker is one. It is called by many streams at once and must not
// block.
type Recorder interface {
	Record(at time.Time, o health.Observation)
}

// Options is what a Server may be told.
type Options struct {
	// AllResponses says whether the filter of a cluster sends every response, good ones too, so that each adds one to the
	// host's volume. If nil, none does: the filters send errors only, and volumes come from load reports.
	AllResponses func(cluster string) bool
	// Uses says whether a cluster's failures are to come from a sensor. What another one tells of it is dropped: it would
	// be charged twice. If nil, all are used. Load reports are used where SetClusters says so.
	Uses func(cluster string, s Sensor) bool
	// LoadReportInterval is how often each Envoy reports its load: a second if 0, and never less than 50ms. A hidden
	// failure is charged one to two intervals after it happened, and not before half a second.
	LoadReportInterval time.Duration
	// Logger is told of panics. If nil, nobody is.
	Logger *slog.Logger
}

// Server serves ext_proc, load reports and access logs. Make one with NewServer. It has no goroutine of its own; before
// a graceful stop it needs EndStreams.
type Server struct {
	recorder Recorder
	options  Options
	names    names
	stats    stats

	exchanges sync.Pool // of *exchange, all zero: a stream lives too short to be worth an allocation

	ledger  *ledger
	roster  atomic.Pointer[roster]
	setting sync.Mutex    // one SetClusters at a time
	intakes sync.Pool     // of *intake
	ending  chan struct{} // closed by EndStreams
	endOnce sync.Once
}

// NewServer returns a Server that hands what it sees to the recorder.
func NewServer(recorder Recorder, options Options) *Server {
	if options.AllResponses == nil {
		options.AllResponses = func(string) bool { return false }
	}
	if options.Uses == nil {
		options.Uses = func(string, Sensor) bool { return true }
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	options.LoadReportInterval = max(cmp.Or(options.LoadReportInterval, defaultInterval), minInterval)
	s := &Server{
		recorder: recorder,
		options:  options,
		names:    names{known: map[string]string{}},
		stats:    newStats(),

		exchanges: sync.Pool{New: func() any { return new(exchange) }},

		ledger:  newLedger(options.LoadReportInterval),
		intakes: sync.Pool{New: func() any { return new(intake) }},
		ending:  make(chan struct{}),
	}
	s.roster.Store(newRoster(nil))
	return s
}

// The service's names on the wire (envoy/service/ext_proc/v3/external_processor.proto).
const (
	serviceName   = "envoy.service.ext_proc.v3.ExternalProcessor"
	methodName    = "Process"
	processMethod = "/" + serviceName + "/" + methodName
)

// serviceDesc is the generated description with the message types taken out: the handler reads bytes.
var serviceDesc = grpc.ServiceDesc{
	ServiceName: serviceName,
	HandlerType: (*any)(nil),
	Streams: []grpc.StreamDesc{{
		StreamName: methodName,
		Handler: func(s any, stream grpc.ServerStream) error {
			return s.(*Server).process(stream) //nolint:forcetypeassert,errcheck // Register gave it
		},
		ServerStreams: true,
		ClientStreams: true,
	}},
	Metadata: "envoy/service/ext_proc/v3/external_processor.proto",
}

// Register adds ext_proc, load reports and access logs to a gRPC server that was made with ServerOptions.
func (s *Server) Register(r grpc.ServiceRegistrar) {
	r.RegisterService(&serviceDesc, s)
	r.RegisterService(&loadServiceDesc, s)
	r.RegisterService(&logServiceDesc, s)
}

// streamWorkers is how many goroutines stay to serve one stream after the other. A stream is so short that a new
// goroutine, with a stack to grow, is a good part of its cost; more workers than this gained nothing. When all are
// busy, gRPC starts a goroutine as ever.
const streamWorkers = 64

// ServerOptions returns what a gRPC server needs to carry these services: the codec that leaves messages as bytes, the
// largest message of all, the recovery from panics, and the workers. Other services on the same server keep protobuf.
func (s *Server) ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ForceServerCodecV2(newCodec()),
		grpc.MaxRecvMsgSize(MaxReport),
		grpc.ChainStreamInterceptor(s.recoverStream),
		grpc.ChainUnaryInterceptor(s.recoverUnary),
		grpc.NumStreamWorkers(streamWorkers),
	}
}

// process serves one stream. It always ends well: to Envoy our errors are failed requests, unless it is told otherwise.
func (s *Server) process(stream grpc.ServerStream) error {
	s.stats.active.Add(1)
	result := ResultPanic // unless run returns
	defer func() {
		s.stats.active.Add(-1)
		s.stats.streams[result].Add(1)
	}()
	x := s.exchanges.Get().(*exchange) //nolint:forcetypeassert,errcheck // nothing else is put there
	x.server, x.stream = s, stream
	result = x.run()
	*x = exchange{}
	s.exchanges.Put(x)
	return nil
}
