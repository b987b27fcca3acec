package demo

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/envoy-passive-health/passive-health/health"
)

const forever = time.Duration(math.MaxInt64)

// watch looks again and again, tells what has changed, and returns when done says so: nil then, errLate if it did not
// within the time, or why the service or an Envoy could not be asked.
func (p *play) watch(ctx context.Context, within time.Duration, done func() bool) error {
	timeout := time.NewTimer(within)
	defer timeout.Stop()
	ticks := time.NewTicker(period)
	defer ticks.Stop()
	for {
		if err := p.look(ctx); err != nil {
			return err
		}
		if done() {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-timeout.C:
			return fmt.Errorf("%w (%v)", errLate, within.Round(time.Millisecond))
		case <-ticks.C:
		}
	}
}

// look asks the service once and tells what is new.
func (p *play) look(ctx context.Context) error {
	for _, proxy := range p.proxies {
		select {
		case <-proxy.envoy.Exited():
			return fmt.Errorf("%s has ended by itself", proxy.name)
		default:
		}
	}
	hosts, err := p.api.hosts(ctx)
	if err != nil {
		return err
	}
	for i := range hosts {
		p.report(p.seen[hosts[i].Address], &hosts[i])
		p.seen[hosts[i].Address] = hosts[i]
	}
	return nil
}

// report tells what changed of a host between two looks.
func (p *play) report(before hostState, now *hostState) {
	name := p.nameOf(now.Address)
	if now.Window.Errors > before.Window.Errors {
		p.tell.counted(time.Now(), name, now.Window.Errors, now.Window.Reporters, p.policy)
	}
	switch {
	case now.Last.At.After(before.Last.At):
		p.tell.moved(name, now.Last)
	case now.Verdict == health.Probation && now.PublishedWeight > before.PublishedWeight:
		p.tell.weight(time.Now(), name, now.PublishedWeight, now.Weight)
	}
}
