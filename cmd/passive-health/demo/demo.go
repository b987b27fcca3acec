// Package demo shows the product at work on one machine, with nothing simulated: three hosts, the service, two real
// Envoys with the shipped settings and steady traffic through both. It breaks a host and tells what then happens.
//
// The demo knows what an operator can know and nothing more: the service's API, the Envoys' admin interfaces, the
// clients' counts. Whether it succeeded is for the broken host's own journal of requests to say.
//
//	Run: stage (starts everything) -> play (breaks, mends, watches) -> proof (did it really happen?)
//
// The rest of the package is what docker-compose.yaml needs of the binary: a host, a client and a probe.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/envoy-passive-health/passive-health/envoy"
	"github.com/envoy-passive-health/passive-health/health"
)

// Listeners are the doors that the demo opens for the service, each on a free port.
type Listeners struct{ ExtProc, XDS, Admin net.Listener }

// ServeFunc runs the service with a configuration file until ctx ends, closes the listeners and logs to log.
type ServeFunc func(ctx context.Context, configPath string, l Listeners, log io.Writer) error

// Pace says how long the parts of the demo take.
type Pace struct {
	Steady    time.Duration // traffic before the host breaks, and after it has recovered
	Recovery  time.Duration // recovery_time
	Probation time.Duration // probation_step
}

// DefaultPace makes a demo of about 40 seconds.
func DefaultPace() Pace {
	return Pace{Steady: 3 * time.Second, Recovery: 15 * time.Second, Probation: health.DefaultPolicy().ProbationStep}
}

// Options says what to run and where to tell of it.
type Options struct {
	Serve ServeFunc
	Out   io.Writer
	Color bool
	Keep  bool // leave it running after the timeline, until ctx ends
	Pace  Pace
}

// ErrUnproven means that the demo ran and the product did not do what it is for.
var ErrUnproven = errors.New("not shown")

// Run runs the demo. It returns when everything that it started is gone: nil if the host was really ejected and really
// came back, ErrUnproven with what failed if not, envoy.ErrNoBinary if there is no Envoy to run.
func Run(ctx context.Context, o Options) (err error) {
	if _, err := envoy.Binary(ctx); err != nil {
		return err //nolint:wrapcheck // it says what is missing and how to supply it
	}
	s, err := open(ctx, &o)
	if err == nil {
		err = newPlay(s, &o).run(ctx)
	}
	closed := s.close()
	if ctx.Err() != nil && err != nil {
		s.discard()
		return errors.New("interrupted")
	}
	if err = errors.Join(err, closed); err != nil {
		return fmt.Errorf("%w (logs are in %s)", err, s.dir)
	}
	s.discard()
	return nil
}
