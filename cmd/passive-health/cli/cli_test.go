package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin"
	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/api"
	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/journal"
	"github.com/envoy-passive-health/passive-health/health"
	"github.com/envoy-passive-health/passive-health/xds"
)

// site is an admin listener with cluster web of two hosts, the first of which is ejected.
func site(t *testing.T, access admin.Access) http.Handler {
	t.Helper()
	tracker := health.NewTracker()
	address := func(i byte) netip.AddrPort { return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, i}), 80) }
	tracker.SetClusters(time.Now(), []health.Cluster{{Name: "web", Policy: health.DefaultPolicy(), Members: []health.Member{
		{Address: address(1), Weight: 100}, {Address: address(2), Weight: 100},
	}}})
	tracker.Record(time.Now(), health.Observation{Host: health.Host{Cluster: "web", Address: address(1)}, Status: 503, Count: 5})
	return admin.Handler(admin.Options{
		Tracker: tracker, Journal: journal.New(1), Access: access, Gatherer: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler),
		Proxies: func() []xds.Proxy { return nil }, Ready: func() []api.Condition { return nil }, ConfigHash: func() string { return "" },
		OverrideMax: func() time.Duration { return time.Hour },
	})
}

// run types a verb.
func run(ctx context.Context, o Options, args ...string) (out string, err error) {
	root := &cobra.Command{Use: "passive-health", SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(Commands(o)...)
	var printed bytes.Buffer
	root.SetOut(&printed)
	root.SetErr(&printed)
	root.SetArgs(args)
	err = root.ExecuteContext(ctx)
	return printed.String(), err
}

// TestUnixSocketAndToken steers a service that listens on a socket and asks for a token.
func TestUnixSocketAndToken(t *testing.T) {
	dir := t.TempDir()
	socket, token := filepath.Join(dir, "admin.sock"), filepath.Join(dir, "token")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	const secret = "correct horse battery staple"
	if err := os.WriteFile(token, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: site(t, admin.Access{Token: secret}), ReadHeaderTimeout: time.Second}
	var running sync.WaitGroup
	running.Go(func() { _ = server.Serve(l) })
	defer running.Wait()
	defer server.Close()
	_, err = run(t.Context(), Options{}, "reset", "--all", "--server", "unix:"+socket)
	if err == nil || !strings.Contains(err.Error(), "token") {
		t.Errorf("without the token: %v", err)
	}
	t.Setenv("PASSIVEHEALTH_SERVER", "unix:"+socket)
	t.Setenv("PASSIVEHEALTH_TOKEN_FILE", token)
	if out, err := run(t.Context(), Options{}, "reset", "--all"); err != nil || out != "reset: all\n" {
		t.Errorf("with the token: %q %v", out, err)
	}
	t.Setenv("PASSIVEHEALTH_TOKEN_FILE", filepath.Join(dir, "nowhere"))
	_, err = run(t.Context(), Options{}, "reset", "--all")
	if _, ok := errors.AsType[UsageError](err); !ok {
		t.Errorf("a token file that is not there: %v", err)
	}
}

// TestColor paints states for those who want it, which changes neither words nor widths.
func TestColor(t *testing.T) {
	server := httptest.NewServer(site(t, admin.Access{}))
	defer server.Close()
	plain, err := run(t.Context(), Options{}, "hosts", "--server", server.URL)
	if err != nil {
		t.Fatal(err)
	}
	painted, err := run(t.Context(), Options{Color: func(io.Writer) bool { return true }}, "hosts", "--server", server.URL)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(plain, "\x1b") || !strings.Contains(painted, "\x1b[31mejected\x1b[0m") {
		t.Errorf("plain %q, painted %q", plain, painted)
	}
	for _, paint := range []string{"\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"} {
		painted = strings.ReplaceAll(painted, paint, "")
	}
	if diff := cmp.Diff(plain, painted); diff != "" {
		t.Errorf("plain (-), painted (+):\n%s", diff)
	}
}

// TestNobodyThere says in every format alike that the service cannot be asked, and whom it was to be.
func TestNobodyThere(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close() // its port is nobody's now
	var first error
	for _, format := range []string{"table", "wide", "json"} {
		for _, verb := range [][]string{{"hosts"}, {"top"}, {"events", "-f"}, {"why", "web", "10.0.0.1:80"}, {"reset", "--all"}} {
			out, err := run(t.Context(), Options{}, append(verb, "-o", format, "--server", server.URL)...)
			if first == nil {
				first = err
			}
			if err == nil || out != "" || !strings.Contains(err.Error(), "--server "+server.URL) {
				t.Errorf("%v -o %s: %q, %v", verb, format, out, err)
			}
		}
	}
	if _, ok := errors.AsType[UsageError](first); ok {
		t.Errorf("%v is not the user's fault", first)
	}
}

// TestFollowComesBack follows a service that ends each stream after one event: none is shown twice or lost.
func TestFollowComesBack(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		last := r.Header.Get("Last-Event-ID")
		asked = append(asked, last) // one request at a time
		next := map[string]int{"0": 7, "7": 8}[last]
		fmt.Fprintf(w, ": hello\n\nid: %d\nevent: x\ndata: {\"id\":%d,\"event\":\"x\",\"text\":\"event %d\"}\n\n", next, next, next)
	}))
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	s := &session{format: formatTable}
	if err := s.server.Set(server.URL); err != nil {
		t.Fatal(err)
	}
	lines := &untilLines{want: 2, enough: cancel}
	cmd := &cobra.Command{}
	cmd.SetContext(ctx)
	cmd.SetOut(lines)
	if err := s.follow(cmd, 0); err != nil {
		t.Fatal(err)
	}
	const zero = "00:00:00  x                 "
	if got, want := lines.text.String(), zero+"event 7\n"+zero+"event 8\n"; got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
	if len(asked) < 2 || asked[0] != "0" || asked[1] != "7" {
		t.Errorf("asked after %q", asked)
	}
}

// untilLines keeps what is written and calls enough after so many lines.
type untilLines struct {
	want   int
	enough func()
	text   bytes.Buffer
}

func (u *untilLines) Write(p []byte) (int, error) {
	u.text.Write(p)
	if strings.Count(u.text.String(), "\n") >= u.want {
		u.enough()
	}
	return len(p), nil
}

func TestServers(t *testing.T) {
	for text, want := range map[string][2]string{
		"http://127.0.0.1:9": {"http://127.0.0.1:9", ""}, "https://a:1/": {"https://a:1", ""}, "unix:/run/a": {"http://localhost", "/run/a"},
	} {
		if base, socket, err := parseServer(text); err != nil || base != want[0] || socket != want[1] {
			t.Errorf("%s: %q %q %v", text, base, socket, err)
		}
	}
	for _, text := range []string{"", "127.0.0.1:9", "ftp://a", "unix:run/a", "http://"} {
		if _, _, err := parseServer(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

func TestShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 1499 * time.Millisecond: "1s", 119 * time.Second: "119s", 2 * time.Minute: "2m", 119 * time.Minute: "119m",
		2 * time.Hour: "2h00m", 23*time.Hour + 59*time.Minute: "23h59m",
	} {
		if got := short(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}
