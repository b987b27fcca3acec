package envoytest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/envoy-passive-health/passive-health/envoy"
)

// startWithin and endWithin bound how long the service may take to start and to end, on a machine that is busy.
const (
	startWithin = 60 * time.Second
	endWithin   = 30 * time.Second
)

// Service is the real program in a process of its own. Its ports stay the same from one start to the next.
type Service struct {
	URL     string // of the admin listener
	ExtProc string // address of the gRPC listener for responses
	XDS     string // address of the gRPC listener for verdicts

	program string
	config  string // the file
	body    string // of the configuration, without what the helper itself sets
	listen  string // the configuration's listen of the running process
	admin   string // address of the admin listener

	cmd    *exec.Cmd
	log    *serviceLog
	exited chan struct{} // closed when the process has been waited for
}

// StartService runs a Program with a configuration, to which it adds free ports and a log in JSON, and returns when the
// service listens. The test's end stops it; it must then end well.
func StartService(t testing.TB, program Program, config string) *Service {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	s := &Service{
		ExtProc: freePort, XDS: freePort, admin: freePort,
		program: path, config: filepath.Join(t.TempDir(), "passive-health.yaml"), body: config,
	}
	s.Start(t)
	t.Cleanup(func() { s.cleanUp(t) })
	return s
}

// Start runs the service again after it has ended.
func (s *Service) Start(t testing.TB) {
	t.Helper()
	s.listen = fmt.Sprintf("listen: {ext_proc: %q, xds: %q, admin: %q}\n", s.ExtProc, s.XDS, s.admin)
	s.Configure(t, s.body)
	s.log = &serviceLog{}
	s.cmd = exec.Command(s.program, "serve", "--config", s.config) //nolint:noctx // cleanUp ends it, in order
	s.cmd.Stderr = s.log
	s.cmd.SysProcAttr = envoy.DieWithParent()
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.exited = make(chan struct{})
	go func(cmd *exec.Cmd, exited chan struct{}) {
		defer close(exited)
		_ = cmd.Wait() // ProcessState says it all
	}(s.cmd, s.exited)
	s.awaitStart(t)
}

func (s *Service) awaitStart(t testing.TB) {
	t.Helper()
	started := func() bool { return len(s.Logged("started")) > 0 }
	Until(t, startWithin, "the service starts", func() bool { return started() || s.ended() })
	if !started() {
		t.Fatalf("the service ended as it started: %v\n%s", s.cmd.ProcessState, s.log)
	}
	at := s.Logged("started")[0]
	s.ExtProc, s.XDS, s.admin = at.text("ext_proc"), at.text("xds"), at.text("admin")
	s.URL = "http://" + s.admin
}

// Configure writes another configuration, which the service has yet to be told of, or to find.
func (s *Service) Configure(t testing.TB, config string) {
	t.Helper()
	s.body = config
	if err := os.WriteFile(s.config, []byte(s.listen+"log: {format: json}\n"+config), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Signal sends the process a signal.
func (s *Service) Signal(t testing.TB, signal os.Signal) {
	t.Helper()
	if err := s.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

// Stop ends the service by SIGTERM and returns its exit code, and how long that took.
func (s *Service) Stop(t testing.TB) (code int, took time.Duration) {
	t.Helper()
	begin := time.Now()
	s.Signal(t, syscall.SIGTERM)
	s.awaitEnd(t)
	return s.cmd.ProcessState.ExitCode(), time.Since(begin)
}

// Kill ends the service by SIGKILL.
func (s *Service) Kill(t testing.TB) {
	t.Helper()
	s.Signal(t, syscall.SIGKILL)
	s.awaitEnd(t)
}

// PeakMemory returns the most memory that an ended service had, in bytes.
func (s *Service) PeakMemory() int64 {
	usage, ok := s.cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	return usage.Maxrss * maxrssUnit
}

func (s *Service) awaitEnd(t testing.TB) {
	t.Helper()
	select {
	case <-s.exited:
	case <-time.After(endWithin):
		t.Fatalf("the service has not ended within %v", endWithin)
	}
}

func (s *Service) ended() bool {
	select {
	case <-s.exited:
		return true
	default:
		return false
	}
}

// cleanUp ends the service, and shows its log if the test failed.
func (s *Service) cleanUp(t testing.TB) {
	t.Helper()
	if !s.ended() {
		_ = s.cmd.Process.Signal(syscall.SIGCONT) // a test may have left it stopped
		_ = s.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-s.exited:
		case <-time.After(endWithin):
			t.Errorf("the service has not ended within %v of SIGTERM", endWithin)
			if err := s.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
				t.Error(err)
			}
			<-s.exited
		}
		if code := s.cmd.ProcessState.ExitCode(); code != 0 {
			t.Errorf("the service ended with %d, want 0", code)
		}
	}
	if t.Failed() {
		t.Logf("the service's log:\n%s", s.log)
	}
}
