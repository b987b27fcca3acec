package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// serviceReady is how long the service may take until it is ready.
const serviceReady = 10 * time.Second

// openService runs the service and waits until it is ready.
func (s *stage) openService(ctx context.Context, o *Options) error {
	var err error
	if s.doors, err = listen(ctx); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(s.dir, "passive-health.log"))
	if err == nil {
		err = os.WriteFile(s.config, s.configuration(o.Pace), 0o600)
	}
	if err != nil {
		s.doors.close()
		return fmt.Errorf("writing the service's files: %w", err)
	}
	s.onClose(log.Close)
	ended := s.startService(ctx, func(ctx context.Context) error { return o.Serve(ctx, s.config, s.doors, log) })
	s.api = newAPI(s.doors.Admin.Addr().String())
	s.onClose(s.api.close)
	return s.awaitService(ctx, ended)
}

// startService runs the service until the stage closes. It outlives ctx: the Envoys and the clients go first.
func (s *stage) startService(ctx context.Context, serve func(context.Context) error) (ended <-chan struct{}) {
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	var fault error
	go func() {
		defer close(done)
		fault = serve(running)
	}()
	s.onClose(func() error {
		cancel()
		<-done
		return fault
	})
	return done
}

func (s *stage) awaitService(ctx context.Context, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, serviceReady)
	defer cancel()
	ticks := time.NewTicker(period)
	defer ticks.Stop()
	for {
		err := s.api.ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ended:
			return errors.New("the service ended as it started")
		case <-ctx.Done():
			return fmt.Errorf("the service was not ready within %v: %w", serviceReady, err)
		case <-ticks.C:
		}
	}
}

// configuration is the service's: its defaults, but for the times that would make the demo long.
func (s *stage) configuration(p Pace) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "listen: {ext_proc: %q, xds: %q, admin: %q}\n",
		s.doors.ExtProc.Addr(), s.doors.XDS.Addr(), s.doors.Admin.Addr())
	fmt.Fprintf(&b, "policy: {recovery_time: %v, probation_step: %v}\n", p.Recovery, p.Probation)
	fmt.Fprintf(&b, "clusters:\n- name: %s\n  hosts:\n", cluster)
	for _, site := range s.sites {
		fmt.Fprintf(&b, "  - %q # %s\n", site.Addr(), site.name)
	}
	return []byte(b.String())
}

// listen opens the service's doors, all or none.
func listen(ctx context.Context) (l Listeners, err error) {
	for _, door := range []*net.Listener{&l.ExtProc, &l.XDS, &l.Admin} {
		if *door, err = (&net.ListenConfig{}).Listen(ctx, "tcp", freePort); err != nil {
			l.close()
			return Listeners{}, fmt.Errorf("opening the service's ports: %w", err)
		}
	}
	return l, nil
}

// close closes what is open, before anything was served on it.
func (l Listeners) close() {
	for _, door := range []net.Listener{l.ExtProc, l.XDS, l.Admin} {
		if door != nil {
			_ = door.Close() // nothing was lost with it
		}
	}
}
