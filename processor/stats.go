package processor

import "sync/atomic"

// Result is how a stream ended. Its values are those of the metric's label.
type Result string

// The results. None but the last two needs anybody's attention.
const (
	ResultDone     Result = "done"     // by us, after the message that was wanted
	ResultEOF      Result = "eof"      // half-closed by Envoy
	ResultCanceled Result = "canceled" // reset by Envoy
	ResultRefused  Result = "refused"  // by us, over a message that cannot be used; see the drops for why
	ResultBroken   Result = "broken"   // by a fault of the transport
	ResultPanic    Result = "panic"    // by a fault of ours
)

// Results returns all results.
func Results() []Result {
	return []Result{ResultDone, ResultEOF, ResultCanceled, ResultRefused, ResultBroken, ResultPanic}
}

// Stats is what a Server has counted since it was made.
type Stats struct {
	ActiveStreams int64             // open now
	Streams       map[Result]uint64 // ended, by how; every Result is there
	Messages      uint64            // received
	Observations  uint64            // handed to the Recorder
	Dropped       map[Drop]uint64   // messages that gave no Observation, by why; every Drop is there
	Panics        uint64            // recovered from, in any service of the gRPC server
}

// stats counts. The maps are filled once and only read afterwards.
type stats struct {
	active                         atomic.Int64
	messages, observations, panics atomic.Uint64
	streams                        map[Result]*atomic.Uint64
	dropped                        map[Drop]*atomic.Uint64
}

func (s *stats) drop(why Drop) { s.dropped[why].Add(1) }

// Stats returns the counts as they stand.
func (s *Server) Stats() Stats {
	return Stats{
		ActiveStreams: s.stats.active.Load(),
		Streams:       values(s.stats.streams),
		Messages:      s.stats.messages.Load(),
		Observations:  s.stats.observations.Load(),
		Dropped:       values(s.stats.dropped),
		Panics:        s.stats.panics.Load(),
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
