package envoy_test

import (
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/envoy-passive-health/passive-health/envoy"
	"github.com/envoy-passive-health/passive-health/envoy/envoytest"
)

func binary(t *testing.T) string {
	t.Helper()
	path, err := envoy.Binary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestEnvoyAcceptsEachSampleAsShipped(t *testing.T) {
	for _, s := range envoy.Samples() {
		t.Run(string(s), func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "envoy.yaml")
			if err := os.WriteFile(file, shipped(t, s), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.CommandContext(t.Context(), binary(t), "--mode", "validate", "-c", file).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if strings.Contains(string(out), "eprecated") {
				t.Errorf("warns of something deprecated:\n%s", out)
			}
		})
	}
}

// Without the service an Envoy serves all the same: its listener opens, and requests get an answer.
func TestEachSampleStartsWithoutTheService(t *testing.T) {
	for _, s := range envoy.Samples() {
		t.Run(string(s), func(t *testing.T) {
			e := envoytest.Start(t, s, envoy.Params{})
			if got := envoytest.Get(t, e.URL).Status; got != http.StatusServiceUnavailable {
				t.Errorf("a request without any host got %d, want 503", got)
			}
			if got := e.Stat(t, "http.main.downstream_rq_5xx"); got != 1 {
				t.Errorf("Envoy counted %d errors, want 1", got)
			}
		})
	}
}

func TestEnvoysRunSideBySide(t *testing.T) {
	a := envoytest.Start(t, envoy.ErrorsOnly, envoy.Params{NodeID: "a"})
	b := envoytest.Start(t, envoy.ErrorsOnly, envoy.Params{NodeID: "b"})
	if a.URL == b.URL || a.AdminURL == b.AdminURL {
		t.Errorf("one address for two: %q %q, %q %q", a.URL, b.URL, a.AdminURL, b.AdminURL)
	}
	for node, e := range map[string]*envoytest.Envoy{"a": a, "b": b} {
		info, err := e.Admin(t.Context(), "/server_info")
		if err != nil {
			t.Fatal(err)
		}
		if want := `"id": "` + node + `"`; !strings.Contains(string(info), want) {
			t.Errorf("%s is not in %s", want, info)
		}
	}
}

func TestStopLeavesNothingBehind(t *testing.T) {
	e := envoytest.Start(t, envoy.ErrorsOnly, envoy.Params{})
	if err := e.Stop(); err != nil {
		t.Fatal(err)
	}
	assertGone(t, e)
	if err := e.Stop(); err != nil {
		t.Errorf("to stop it again: %v", err)
	}
}

func TestStopKillsAnEnvoyThatDoesNotListen(t *testing.T) {
	e := startUncleaned(t)
	if err := e.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := e.Stop(); !errors.Is(err, envoy.ErrExited) {
		t.Errorf("got %v, want that it was killed", err)
	}
	assertGone(t, e)
}

func TestEnvoyThatEndsByItselfIsAnError(t *testing.T) {
	e := startUncleaned(t)
	if err := e.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case <-e.Exited():
	case <-time.After(10 * time.Second):
		t.Fatal("killed 10s ago and not gone")
	}
	if err := e.Stop(); !errors.Is(err, envoy.ErrExited) {
		t.Errorf("got %v, want that it had ended", err)
	}
}

func TestStartSaysWhatEnvoyRefuses(t *testing.T) {
	_, err := envoy.Start(t.Context(), envoy.Options{Config: []byte("static_resourcez: {}\n"), Dir: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "static_resourcez") {
		t.Errorf("got %v, want Envoy's own words on static_resourcez", err)
	}
}

func TestBinary(t *testing.T) {
	t.Run("ENVOY stands above all", func(t *testing.T) {
		t.Setenv("ENVOY", "/nonexistent/envoy")
		if _, err := envoy.Binary(t.Context()); !errors.Is(err, envoy.ErrNoBinary) {
			t.Errorf("got %v, want ErrNoBinary", err)
		}
	})
	t.Run("another version on the PATH is passed over", func(t *testing.T) {
		t.Setenv("ENVOY", "")
		t.Setenv("PATH", fakeEnvoy(t, "0.0.1"))
		if path, err := envoy.Binary(t.Context()); err == nil && strings.HasPrefix(path, os.Getenv("PATH")) {
			t.Errorf("took %s", path)
		}
	})
	t.Run("the right version on the PATH is taken", func(t *testing.T) {
		version, err := os.ReadFile("../.envoy-version")
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv("ENVOY", "")
		t.Setenv("PATH", fakeEnvoy(t, strings.TrimSpace(string(version))))
		if path, err := envoy.Binary(t.Context()); path != filepath.Join(os.Getenv("PATH"), "envoy") {
			t.Errorf("got %s, %v", path, err)
		}
	})
}

// fakeEnvoy returns a folder with an envoy that only tells a version.
func fakeEnvoy(t *testing.T, version string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	script := "#!/bin/sh\necho \"envoy  version: 0123abcd/" + version + "/Clean/RELEASE/BoringSSL\"\n"
	if err := os.WriteFile(filepath.Join(dir, "envoy"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// startUncleaned starts an Envoy whose end the test itself looks after.
func startUncleaned(t *testing.T) *envoytest.Envoy {
	t.Helper()
	config := render(t, envoy.ErrorsOnly, envoy.Params{
		Admin: "127.0.0.1:0", Listener: "127.0.0.1:0", ExtProc: envoytest.Nowhere, XDS: envoytest.Nowhere,
	})
	process, err := envoy.Start(t.Context(), envoy.Options{Config: config, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return &envoytest.Envoy{Process: process}
}

// assertGone looks for the process and its ports.
func assertGone(t *testing.T, e *envoytest.Envoy) {
	t.Helper()
	if err := syscall.Kill(e.PID(), 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("process %d: %v, want that there is none", e.PID(), err)
	}
	for _, address := range []string{e.Address(), e.AdminAddress()} {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			t.Errorf("its port is not free: %v", err)
			continue
		}
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
	}
}
