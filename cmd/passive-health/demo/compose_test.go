package demo_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/demo"
	"github.com/envoy-passive-health/passive-health/envoy/envoytest"
)

// startUpstream runs a host as a container would, and returns its address and its control's.
func startUpstream(t *testing.T) (address, control string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	read, write := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- demo.Upstream(ctx, write, "127.0.0.1:0", "127.0.0.1:0", "web-1", "ok") }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the host ended with %v", err)
		}
	})
	line := make([]byte, 200)
	n, err := read.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`^web-1 answers on (127\.0\.0\.1:\d+), its control on (127\.0\.0\.1:\d+)\n$`).FindSubmatch(line[:n])
	if found == nil {
		t.Fatalf("the host said %q", line[:n])
	}
	return string(found[1]), string(found[2])
}

func TestHostIsBrokenAndMended(t *testing.T) {
	address, control := startUpstream(t)
	for _, tt := range []struct {
		behaviour string
		want      int
	}{{"503", 503}, {"ok", 200}, {"500,100%", 500}} {
		var out bytes.Buffer
		if err := demo.SetBehaviour(t.Context(), &out, control, "web-1", tt.behaviour); err != nil {
			t.Fatal(err)
		}
		if want := `web-1 now behaves as "` + tt.behaviour + "\"\n"; out.String() != want {
			t.Errorf("said %q, want %q", out.String(), want)
		}
		if got := envoytest.Get(t, "http://"+address).Status; got != tt.want {
			t.Errorf("%q: answers %d, want %d", tt.behaviour, got, tt.want)
		}
	}
}

func TestBehaviourThatCannotBe(t *testing.T) {
	address, control := startUpstream(t)
	for _, tt := range []struct{ host, behaviour, want string }{
		{"web-9", "503", `"web-9" is not one of the hosts here: web-1`},
		{"web-1", "tired", `"tired": not "ok", a status`},
		{"web-1", "503," + strings.Repeat("0", 200) + "%", "behaviour"},
	} {
		err := demo.SetBehaviour(t.Context(), io.Discard, control, tt.host, tt.behaviour)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %.10q: got %v, want an error with %q", tt.host, tt.behaviour, err, tt.want)
		}
	}
	if got := envoytest.Get(t, "http://"+address).Status; got != http.StatusOK {
		t.Errorf("the host answers %d after orders that were refused, want 200", got)
	}
}

func TestProbe(t *testing.T) {
	address, control := startUpstream(t)
	if err := demo.SetBehaviour(t.Context(), io.Discard, control, "web-1", "503"); err != nil {
		t.Fatal(err)
	}
	if err := demo.Probe(t.Context(), "http://"+control+"/"); err != nil {
		t.Errorf("the control of a broken host: %v", err)
	}
	if err := demo.Probe(t.Context(), "http://"+address+"/"); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("a broken host: got %v, want its status", err)
	}
	if err := demo.Probe(t.Context(), "http://"+envoytest.Nowhere+"/"); err == nil {
		t.Error("nobody is there, and the probe succeeded")
	}
}

func TestClient(t *testing.T) {
	good, bad := envoytest.StartHost(t), envoytest.StartHost(t)
	envoytest.Behave(t, bad, "503")
	ctx, cancel := context.WithCancel(t.Context())
	var out bytes.Buffer
	ended := make(chan error, 1)
	urls := []string{"http://" + good.Addr() + "/", "http://" + bad.Addr() + "/"}
	go func() { ended <- demo.Client(ctx, &out, 100, urls) }()
	envoytest.Until(t, 10*time.Second, "both are asked", func() bool { return good.Total() > 10 && bad.Total() > 10 })
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	said := regexp.MustCompile(`^http://\S+/: 0 of [1-9]\d* requests failed\nhttp://\S+/: ([1-9]\d*) of ([1-9]\d*) requests failed\n$`)
	if found := said.FindStringSubmatch(out.String()); found == nil || found[1] != found[2] {
		t.Errorf("said %q, want none failed at the one and all at the other", out.String())
	}
	if err := demo.Client(t.Context(), io.Discard, 0, urls); err == nil {
		t.Error("a rate of 0 was taken")
	}
}
