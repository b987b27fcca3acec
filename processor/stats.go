package processor

import "sync/atomic"

// Result is how a stream of any of the services ended. Its values are those of the metric's label.
type Result string

// The results. None but the last two needs anybody's attention.
const (
	ResultDone     Result = "done"     // by us, after the message that was wanted
	ResultEOF      Result = "eof"      // half-closed by Envoy
	ResultCanceled Result = "canceled" // reset by Envoy
	ResultStopped  Result = "stopped"  // by us, in EndStreams
	ResultRefused  Result = "refused"  // by us, over a message that cannot be used; see the drops for why
	ResultBroken   Result = "broken"   // by a fault of the transport
	ResultPanic    Result = "panic"    // by a fault of ours
)

// Results returns all results.
func Results() []Result {
	return []Result{ResultDone, ResultEOF, ResultCanceled, ResultStopped, ResultRefused, ResultBroken, ResultPanic}
}

// Stats is what a Server has counted since it was made.
type Stats struct {
	ActiveStreams int64             // open now, of ext_proc
	Streams       map[Result]uint64 // ended, of ext_proc, by how; every Result is there
	Messages      uint64            // received by ext_proc
	Observations  uint64            // responses and failures handed to the Recorder, of ext_proc and access logs
	Dropped       map[Drop]uint64   // what gave no Observation, of any service, by why; every Drop is there
	Panics        uint64            // recovered from, in any service of the gRPC server

	LoadReports LoadReportStats
	AccessLogs  AccessLogStats
}

// LoadReportStats is what a Server has counted of load reports.
type LoadReportStats struct {
	ActiveStreams int64
	Streams       map[Result]uint64
	Reports       uint64 // received, unusable ones too
	Volumes       uint64 // of a host in a report, handed to the Recorder
	Hidden        uint64 // failures charged that no other sensor had shown
	Reporters     int    // Envoys whose hidden failures are looked for now: 10,000 at most
}

// AccessLogStats is what a Server has counted of access logs.
type AccessLogStats struct {
	ActiveStreams int64
	Streams       map[Result]uint64
	Messages      uint64 // received
	Entries       uint64 // in them
}

// stats counts. The maps are filled once and only read afterwards.
type stats struct {
	active                         atomic.Int64
	messages, observations, panics atomic.Uint64
	streams                        map[Result]*atomic.Uint64
	dropped                        map[Drop]*atomic.Uint64

	loads, accessLogs        streamStats
	reports, volumes, hidden atomic.Uint64
	logMessages, entries     atomic.Uint64
}

func newStats() stats {
	return stats{
		streams: counters(Results()), dropped: counters(Drops()),
		loads: streamStats{ended: counters(Results())}, accessLogs: streamStats{ended: counters(Results())},
	}
}

func (s *stats) drop(why Drop) { s.dropped[why].Add(1) }

// streamStats counts the streams of one service.
type streamStats struct {
	active atomic.Int64
	ended  map[Result]*atomic.Uint64
}

// count serves one stream. It always ends well: to Envoy our errors are failed requests, unless it is told otherwise.
func (s *streamStats) count(serve func() Result) error {
	s.active.Add(1)
	result := ResultPanic // unless serve returns
	defer func() {
		s.active.Add(-1)
		s.ended[result].Add(1)
	}()
	result = serve()
	return nil
}

// Stats returns the counts as they stand.
func (s *Server) Stats() Stats {
	return Stats{
		ActiveStreams: s.stats.active.Load(),
		Streams:       values(s.stats.streams),
		Messages:      s.stats.messages.Load(),
		Observations:  s.stats.observations.Load(),
		Dropped:       values(s.stats.dropped),
		Panics:        s.stats.panics.Load(),
		LoadReports: LoadReportStats{
			ActiveStreams: s.stats.loads.active.Load(),
			Streams:       values(s.stats.loads.ended),
			Reports:       s.stats.reports.Load(),
			Volumes:       s.stats.volumes.Load(),
			Hidden:        s.stats.hidden.Load(),
			Reporters:     s.ledger.reporters(),
		},
		AccessLogs: AccessLogStats{
			ActiveStreams: s.stats.accessLogs.active.Load(),
			Streams:       values(s.stats.accessLogs.ended),
			Messages:      s.stats.logMessages.Load(),
			Entries:       s.stats.entries.Load(),
		},
	}
}

func counters[K comparable](keys []K) map[K]*atomic.Uint64 {
	all := make(map[K]*atomic.Uint64, len(keys))
	for _, k := range keys {
		all[k] = new(atomic.Uint64)
	}
	return all
}

func values[K comparable](counters map[K]*atomic.Uint64) map[K]uint64 {
	all := make(map[K]uint64, len(counters))
	for k, c := range counters {
		all[k] = c.Load()
	}
	return all
}
