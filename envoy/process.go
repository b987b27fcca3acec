package envoy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// Options says how to run an Envoy.
type Options struct {
	Config      []byte        // the bootstrap, yaml
	Dir         string        // an existing folder of this Envoy's own: its configuration, log and admin address
	Binary      string        // empty for what Binary finds
	Concurrency int           // worker threads; 0 for 1
	ReadyWithin time.Duration // how long it may take until it serves; 0 for 30s
}

// How long Envoy has to end after SIGTERM, and how often a start looks whether it is ready. Envoy has no event for
// either; its admin interface must be asked.
const (
	stopWithin  = 5 * time.Second
	readyWithin = 30 * time.Second
	readyPeriod = 10 * time.Millisecond
)

// ErrExited means that Envoy ended when it should have been running.
var ErrExited = errors.New("envoy has ended")

// Process is a running Envoy.
type Process struct {
	admin    string // address of the admin interface
	listener string // address of the first listener
	log      string

	cmd    *exec.Cmd
	cancel context.CancelFunc
	exited chan struct{} // closed by the one goroutine that waits for the process, after it has set err
	err    error
}

// Start runs an Envoy and returns when it serves: its listener is open and its clusters have their hosts, or have
// waited for them as long as they may. The end of ctx stops it as Stop does.
func Start(ctx context.Context, o Options) (*Process, error) {
	p, err := launch(ctx, o)
	if err != nil {
		return nil, err
	}
	limit := o.ReadyWithin
	if limit == 0 {
		limit = readyWithin
	}
	ready, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := p.awaitReady(ready, filepath.Join(o.Dir, "admin.address")); err != nil {
		return nil, fmt.Errorf("starting Envoy (log in %s): %w", p.log, errors.Join(err, p.Stop()))
	}
	return p, nil
}

// launch starts the process and the goroutine that waits for its end.
func launch(ctx context.Context, o Options) (*Process, error) {
	binary := o.Binary
	if binary == "" {
		found, err := Binary(ctx)
		if err != nil {
			return nil, err
		}
		binary = found
	}
	config := filepath.Join(o.Dir, "envoy.yaml")
	if err := os.WriteFile(config, o.Config, 0o600); err != nil {
		return nil, fmt.Errorf("writing Envoy's configuration: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	p := &Process{log: filepath.Join(o.Dir, "envoy.log"), cancel: cancel, exited: make(chan struct{})}
	p.cmd = exec.CommandContext(ctx, binary, "--config-path", config,
		"--admin-address-path", filepath.Join(o.Dir, "admin.address"),
		"--concurrency", strconv.Itoa(max(o.Concurrency, 1)),
		"--disable-hot-restart", // or Envoys on one machine would share memory by their base id
		"--log-path", p.log, "--log-level", "warning")
	p.cmd.SysProcAttr = DieWithParent()
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = stopWithin
	if err := p.cmd.Start(); err != nil {
		cancel()
		return nil, fmt.Errorf("starting Envoy: %w", err)
	}
	go p.wait()
	return p, nil
}

// wait is the goroutine that reaps the process.
func (p *Process) wait() {
	p.err = p.cmd.Wait()
	p.cancel()
	close(p.exited)
}

// Stop ends Envoy, by SIGTERM and after five seconds by SIGKILL, and returns when it is gone. It may be called again.
// An Envoy that had ended by itself, or had to be killed, is an error.
func (p *Process) Stop() error {
	p.cancel()
	<-p.exited
	if errors.Is(p.err, context.Canceled) || errors.Is(p.err, context.DeadlineExceeded) {
		return nil // what Wait says of a process that we ended and that exited with 0
	}
	return p.exitError()
}

// exitError says how an Envoy ended that was not simply told to.
func (p *Process) exitError() error {
	if p.err == nil {
		return fmt.Errorf("%w by itself, with exit status 0", ErrExited)
	}
	return fmt.Errorf("%w: %w", ErrExited, p.err)
}

// Exited is closed when Envoy has ended, for whatever reason.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Signal sends Envoy a signal, for instance SIGSTOP.
func (p *Process) Signal(s os.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil {
		return fmt.Errorf("signalling Envoy: %w", err)
	}
	return nil
}

// PID returns Envoy's process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// LogPath returns the file that Envoy logs to, from warnings up.
func (p *Process) LogPath() string { return p.log }
