package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/envoy-passive-health/passive-health/health"
)

// period is how often the demo asks the service how things stand. At 100 requests a second nothing happens faster.
const period = 5 * time.Millisecond

// How long the parts of the play may take before the demo gives up.
const (
	ejectWithin = 10 * time.Second
	ackWithin   = 5 * time.Second
	grace       = 3 * time.Second // beyond the time at which something is due
)

// errLate means that what was waited for did not happen in time.
var errLate = fmt.Errorf("%w in time", ErrUnproven)

// play is the course of the demo. It runs on one goroutine, which asks, tells and acts in turn.
type play struct {
	*stage

	pace   Pace
	keep   bool
	tell   *timeline
	policy health.Policy
	seen   map[string]hostState // by address, at the last look
	facts  facts
}

func newPlay(s *stage, o *Options) *play {
	tell := &timeline{out: o.Out, color: o.Color}
	return &play{
		stage: s, pace: o.Pace, keep: o.Keep, tell: tell, policy: health.DefaultPolicy(),
		seen: make(map[string]hostState), facts: facts{host: s.sites[1]},
	}
}

// run plays, and proves that it happened.
func (p *play) run(ctx context.Context) error {
	for _, act := range []func(context.Context) error{
		p.introduce, p.steady, p.breakHost, p.awaitAcks, p.compare, p.mendHost, p.awaitReturn, p.steady, p.conclude,
	} {
		if err := act(ctx); err != nil {
			return err
		}
	}
	if !p.keep {
		return nil
	}
	p.tell.keeping(p.stage)
	err := p.watch(ctx, forever, func() bool { return false })
	if ctx.Err() == nil {
		return err
	}
	return nil // to be ended is how it is to end
}

func (p *play) introduce(ctx context.Context) error {
	version, err := p.proxies[0].version(ctx)
	if err != nil {
		return err
	}
	p.tell.introduction(p.stage, version, p.pace, p.policy)
	return nil
}

// steady lets traffic flow and tells if anything happens that should not.
func (p *play) steady(ctx context.Context) error {
	err := p.watch(ctx, p.pace.Steady, func() bool { return false })
	if errors.Is(err, errLate) {
		return nil
	}
	return err
}

func (p *play) breakHost(ctx context.Context) error {
	p.facts.broken = time.Now()
	if err := behave(p.facts.host.Host, "503"); err != nil {
		return err
	}
	p.tell.broken(p.facts.broken, p.facts.host)
	err := p.watch(ctx, ejectWithin, func() bool { return p.state().Verdict == health.Ejected })
	if err != nil {
		return fmt.Errorf("%s is ejected: %w", p.facts.host.name, err)
	}
	p.facts.ejected, p.facts.until = p.state().Last.At, p.state().Until
	return nil
}

// awaitAcks waits until every Envoy has confirmed the verdict.
func (p *play) awaitAcks(ctx context.Context) error {
	var acks []proxyState
	var fault error
	err := p.watch(ctx, ackWithin, func() bool {
		acks, fault = p.api.proxies(ctx)
		return fault != nil || p.facts.acked(acks) == len(p.proxies)
	})
	if err = errors.Join(err, fault); err != nil {
		return fmt.Errorf("every Envoy confirms: %w", err)
	}
	p.tell.acks(p.facts.ejected, acks)
	return nil
}

// compare tells what each Envoy saw itself, once those requests are through that were on their way.
func (p *play) compare(ctx context.Context) error {
	if err := p.steady(ctx); err != nil {
		return err
	}
	for _, proxy := range p.proxies {
		host, err := proxy.host(ctx, p.facts.host.Addr())
		if err != nil {
			return err
		}
		p.tell.own(time.Now(), proxy.name, p.facts.host.name, host.Errors)
	}
	p.tellQuiet(time.Now())
	return nil
}

// mendHost waits until the host is nearly due, so that it is mended while nobody asks it.
func (p *play) mendHost(ctx context.Context) error {
	err := p.watch(ctx, time.Until(p.facts.until)-p.pace.Steady/2, func() bool { return p.state().Verdict != health.Ejected })
	if err == nil {
		return fmt.Errorf("%w: %s was back before its time", ErrUnproven, p.facts.host.name)
	}
	if !errors.Is(err, errLate) {
		return err
	}
	if err := behave(p.facts.host.Host, "ok"); err != nil {
		return err
	}
	p.tell.mended(time.Now(), p.facts.host, p.facts.until)
	return nil
}

// awaitReturn waits until the host is back, and then until it is so at full weight.
func (p *play) awaitReturn(ctx context.Context) error {
	err := p.watch(ctx, time.Until(p.facts.until)+grace, func() bool { return p.state().Verdict != health.Ejected })
	if err != nil {
		return fmt.Errorf("%s is back: %w", p.facts.host.name, err)
	}
	p.facts.returned = p.state().Last.At
	p.tellQuiet(p.facts.returned)
	err = p.watch(ctx, p.probation()+grace, func() bool { return p.state().Verdict == health.Healthy })
	if err != nil {
		return fmt.Errorf("%s is healthy: %w", p.facts.host.name, err)
	}
	return nil
}

func (p *play) probation() time.Duration {
	return time.Duration(len(p.policy.ProbationWeights)) * p.pace.Probation
}

// conclude tells what it all cost, and checks that it was so.
func (p *play) conclude(ctx context.Context) error {
	var marks []string
	for _, proxy := range p.proxies {
		host, err := proxy.host(ctx, p.facts.host.Addr())
		if err != nil {
			return err
		}
		marks = append(marks, host.EDS)
	}
	p.tell.result(time.Now(), p.facts.broken, p.clients())
	return p.facts.prove(p.facts.host.Requests(), marks)
}

// tellQuiet tells how many requests have reached the host while it was out.
func (p *play) tellQuiet(until time.Time) {
	from, n := p.facts.stray(p.facts.host.Requests(), until)
	p.tell.quiet(until, from, p.facts.host.name, n)
}

// state is the broken host's at the last look.
func (p *play) state() hostState { return p.seen[p.facts.host.Addr()] }
