package main

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/envoy-passive-health/passive-health/health"
)

const (
	// holdOff is how long changes gather after a push, so that a burst shares the next one. The first change of a
	// burst never waits.
	holdOff = 10 * time.Millisecond
	// retryAfter is how long a publication that failed waits for its next try.
	retryAfter = time.Second
)

// loop carries the tracker's changes to where they take effect. It owns the one timer for all hosts.
type loop struct {
	tracker *health.Tracker
	publish func([]health.Snapshot) error // EDS
	told    func([]health.Transition)     // logs, events, the state file
	logger  *slog.Logger

	failed map[string]bool // clusters whose last publication failed
}

// run works until ctx is done.
func (l *loop) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.tracker.Changed():
		case <-timer.C:
		}
		if l.step(time.Now()) && !wait(ctx, holdOff) {
			return
		}
		timer.Reset(l.sleep(time.Now()))
	}
}

// step publishes and tells what changed up to now, and says whether anything did.
func (l *loop) step(now time.Time) bool {
	l.tracker.Advance(now)
	changes := l.tracker.Take()
	l.push(now, changes.Clusters)
	if len(changes.Transitions) > 0 {
		l.told(changes.Transitions)
	}
	return len(changes.Clusters) > 0
}

func (l *loop) push(now time.Time, clusters []string) {
	for _, name := range clusters {
		l.failed[name] = true
	}
	if len(l.failed) == 0 {
		return
	}
	var snapshots []health.Snapshot
	for _, name := range slices.Sorted(maps.Keys(l.failed)) {
		// Without hosts, as long as their names do not resolve, there is nothing to publish: an empty assignment is an outage.
		if s, ok := l.tracker.Snapshot(now, name); ok && len(s.Hosts) > 0 {
			snapshots = append(snapshots, s)
		}
	}
	if err := l.publish(snapshots); err != nil {
		l.logger.Error("publishing failed, trying again", "event", "publish.failed", "error", err)
		return
	}
	clear(l.failed)
}

// sleep returns how long nothing is due.
func (l *loop) sleep(now time.Time) time.Duration {
	next, ok := l.tracker.Next()
	switch {
	case len(l.failed) > 0:
		return retryAfter
	case !ok:
		return time.Hour
	default:
		return max(next.Sub(now), 0)
	}
}

// wait returns false when ctx ended before d had passed.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
