package load

import (
	"slices"
	"time"
)

// Summary says how a number of requests went.
type Summary struct {
	Total  int
	Failed int
	ByHost map[string]int // requests answered by each upstream host; "" for those it did not answer
	P50    time.Duration
	P99    time.Duration
	Max    time.Duration
}

// Summarize sums results up.
func Summarize(results []Result) Summary {
	s := Summary{Total: len(results), ByHost: make(map[string]int)}
	latencies := make([]time.Duration, len(results))
	for i := range results {
		latencies[i] = results[i].Latency
		s.ByHost[results[i].Host]++
		if results[i].Failed() {
			s.Failed++
		}
	}
	slices.Sort(latencies)
	s.P50, s.P99, s.Max = quantile(latencies, 50), quantile(latencies, 99), quantile(latencies, 100)
	return s
}

// quantile returns the smallest value that percent of the sorted values do not exceed.
func quantile(sorted []time.Duration, percent int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max(0, (len(sorted)*percent+99)/100-1)]
}
