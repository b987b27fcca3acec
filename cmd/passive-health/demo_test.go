package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/demo"
	"github.com/envoy-passive-health/passive-health/envoy"
	"github.com/envoy-passive-health/passive-health/envoy/envoytest"
)

// screen is what the demo writes to, and what a test reads meanwhile.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// demonstration is a demo of this test.
type demonstration struct {
	screen

	dir   string // where its files are as long as it runs
	end   context.CancelFunc
	ended chan error
}

// startDemo runs a demo that is quicker than the user's.
func startDemo(t *testing.T, serve demo.ServeFunc, keep bool) *demonstration {
	t.Helper()
	d := &demonstration{dir: t.TempDir(), ended: make(chan error, 1)}
	t.Setenv("TMPDIR", d.dir)
	ctx, cancel := context.WithCancel(t.Context())
	d.end = cancel
	pace := demo.Pace{Steady: time.Second, Recovery: 3 * time.Second, Probation: 300 * time.Millisecond}
	go func() { d.ended <- demo.Run(ctx, demo.Options{Serve: serve, Out: d, Keep: keep, Pace: pace}) }()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the demo said\n%s", d)
		}
	})
	return d
}

// await waits until the demo has said something.
func (d *demonstration) await(t *testing.T, within time.Duration, what string) {
	t.Helper()
	envoytest.Until(t, within, fmt.Sprintf("the demo says %q", what), func() bool {
		return strings.Contains(d.String(), what) || len(d.ended) > 0
	})
	if !strings.Contains(d.String(), what) {
		t.Fatalf("the demo ended with %v before it said %q", <-d.ended, what)
	}
}

// addresses are all that the demo listens on, by its files and by what it has said.
func (d *demonstration) addresses(t *testing.T) []string {
	t.Helper()
	text := []byte(d.String())
	for _, pattern := range []string{"*/passive-health.yaml", "*/envoy-*/admin.address"} {
		paths, err := filepath.Glob(filepath.Join(d.dir, pattern))
		if err != nil || len(paths) == 0 {
			t.Fatalf("no %s in %s (%v)", pattern, d.dir, err)
		}
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			text = append(append(text, data...), '\n')
		}
	}
	all := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindAllString(string(text), -1)
	slices.Sort(all)
	return slices.Compact(all)
}

// assertGone fails if anybody still listens or a file is left.
func (d *demonstration) assertGone(t *testing.T, addresses []string) {
	t.Helper()
	for _, address := range addresses {
		if conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address); err == nil {
			_ = conn.Close()
			t.Errorf("something still listens on %s", address)
		}
	}
	if left, err := os.ReadDir(d.dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}

// The demo as a user sees it: the timeline in its order, and a host that is broken by hand afterwards.
func TestDemo(t *testing.T) {
	d := startDemo(t, serveDemo, true)
	d.await(t, 60*time.Second, "Everything keeps running")
	timeline := regexp.MustCompile(`(?s)recovery_time is 3s here instead of the default 30s.*` +
		`traffic .*broken .*web-2 .*suspect .*web-2  [1-4] of 5 errors in 30s, seen by envoy-.*` +
		`EJECTED .*web-2  5 errors in .*5 x 503.*back at .*` +
		`confirmed .*envoy-a after .*envoy-b after .*envoy-a saw \d+ errors of its own.*envoy-b saw \d+ errors.*` +
		`quiet      0 requests reached web-2.*mended .*web-2.*probation  web-2.*quiet      0 requests reached web-2.*` +
		`healthy    web-2.*result     \d+ of the clients' \d+ requests failed, the last one `)
	if !timeline.MatchString(d.String()) {
		t.Error("the timeline lacks a line, or has them in another order")
	}
	control := regexp.MustCompile(`demo break --control (\S+) web-1`).FindStringSubmatch(d.String())
	if control == nil {
		t.Fatal("the demo does not say how to break a host")
	}
	if code := run(t.Context(), []string{"demo", "break", "--control", control[1], "web-1"}, io.Discard, d); code != exitFine {
		t.Fatalf("demo break ended with %d", code)
	}
	d.await(t, 10*time.Second, "EJECTED    web-1")
	addresses := d.addresses(t)
	if want := 3 + 2*2 + 3 + 1; len(addresses) != want {
		t.Errorf("the demo listens on %v, want %d addresses", addresses, want)
	}
	d.end()
	if err := <-d.ended; err != nil {
		t.Errorf("the demo ended with %v", err)
	}
	d.assertGone(t, addresses)
}

func TestDemoInterrupted(t *testing.T) {
	d := startDemo(t, serveDemo, false)
	d.await(t, 30*time.Second, "EJECTED ")
	addresses := d.addresses(t)
	d.end()
	if err := <-d.ended; err == nil || err.Error() != "interrupted" {
		t.Errorf("the demo ended with %v, want that it was interrupted", err)
	}
	d.assertGone(t, addresses)
}

// A demo that cannot fail would show nothing: here the service decides, and publishes nothing.
func TestDemoSeesThatNothingHappens(t *testing.T) {
	shadow := func(ctx context.Context, path string, l demo.Listeners, log io.Writer) error {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		data = bytes.Replace(data, []byte("policy: {"), []byte("policy: {enforce: false, "), 1)
		return errors.Join(os.WriteFile(path, data, 0o600), serveDemo(ctx, path, l, log))
	}
	d := startDemo(t, shadow, false)
	if err := <-d.ended; !errors.Is(err, demo.ErrUnproven) || !strings.Contains(err.Error(), "every Envoy confirms") {
		t.Errorf("the demo ended with %v, want that no Envoy had anything to confirm", err)
	}
	if logs, err := filepath.Glob(filepath.Join(d.dir, "*", "passive-health.log")); err != nil || len(logs) != 1 {
		t.Errorf("the logs of a demo that failed are %v (%v), want them kept", logs, err)
	}
}

func TestDemoWithoutEnvoy(t *testing.T) {
	t.Setenv("ENVOY", "/nonexistent/envoy")
	var said bytes.Buffer
	if code := run(t.Context(), []string{"demo"}, &said, &said); code != exitUnable {
		t.Errorf("exit code %d, want %d", code, exitUnable)
	}
	if text := said.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, envoy.ErrNoBinary.Error()) {
		t.Errorf("said %q, want one line that says how to supply an Envoy", text)
	}
}

func TestColorIsForTerminals(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	if isColorful(file) || isColorful(io.Discard) {
		t.Error("color goes to what is no terminal")
	}
}
