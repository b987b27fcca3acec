package loop_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envoy-passive-health/passive-health/envoy"
	"github.com/envoy-passive-health/passive-health/envoy/envoytest"
)

// tally is what there is to count.
type tally struct {
	Errors  map[string]int // in each cluster's host, since the start
	Window  map[string]int // likewise, in the window
	Dropped map[string]int // by reason
	Streams int            // that Envoy opened, one for each message
	Read    int            // messages that the service got
}

// tally asks the service and Envoy.
func (r *rig) tally(t *testing.T) tally {
	t.Helper()
	now := tally{Errors: map[string]int{}, Window: map[string]int{}, Dropped: map[string]int{}}
	for _, host := range r.service.Hosts(t, "") {
		now.Errors[host.Cluster], now.Window[host.Cluster] = host.TotalErrors, host.Window.Errors
	}
	for series, value := range r.service.Metrics(t) {
		if reason, ok := strings.CutPrefix(series, `passive_health_observations_dropped_total{reason="`); ok && value > 0 {
			now.Dropped[strings.TrimSuffix(reason, `"}`)] = int(value)
		}
		if series == "passive_health_ext_proc_messages_total" {
			now.Read = int(value)
		}
	}
	now.Streams = int(r.envoy.Stat(t, "http.main.ext_proc.streams_started"))
	return now
}

// add is what becomes of a reply.
func (n *tally) add(r *reply, s envoy.Sample) {
	if r.silent || r.passed && s == envoy.ErrorsOnly {
		return
	}
	n.Streams++
	n.Read++
	if r.dropped != "" {
		n.Dropped[r.dropped]++
	}
	if r.charged != "" {
		n.Errors[r.charged]++
		n.Window[r.charged]++
	}
}

// assertTally returns when the service has counted what it should, and fails the test if it ends up otherwise.
func (r *rig) assertTally(t *testing.T, want tally) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var got tally
	envoytest.Until(t, patience+patience, "everything is read", func() bool {
		got = r.tally(t)
		return cmp.Equal(want, got) || ctx.Err() != nil
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("not within %v (-want +got):\n%s", patience, diff)
	}
}
