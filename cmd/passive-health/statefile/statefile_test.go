package statefile

import (
	"bytes"
	"context"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/envoy-passive-health/passive-health/health"
)

var host = health.Host{Cluster: "web", Address: netip.MustParseAddrPort("10.0.0.1:80")}

// tracker has cluster web with two hosts.
func tracker() *health.Tracker {
	t := health.NewTracker()
	t.SetClusters(time.Now(), []health.Cluster{{Name: "web", Policy: health.DefaultPolicy(), Members: []health.Member{
		{Address: host.Address, Weight: 100}, {Address: netip.MustParseAddrPort("10.0.0.2:80"), Weight: 100},
	}}})
	return t
}

func verdict(t *testing.T, tr *health.Tracker) health.State {
	t.Helper()
	s, ok := tr.Snapshot(time.Now(), "web")
	if !ok {
		t.Fatal("no cluster web")
	}
	return s.Hosts[0].Verdict
}

// run saves once and returns when that is done.
func run(t *testing.T, f *File) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // the last save is at the end
	f.Run(ctx)
}

func TestMarksSurvive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	before := tracker()
	before.Record(time.Now(), health.Observation{Host: host, Status: 503, Count: 5})
	run(t, New(path, before, slog.New(slog.DiscardHandler)))
	after := tracker()
	New(path, after, slog.New(slog.DiscardHandler)).Load(time.Now())
	if got := verdict(t, after); got != health.Ejected {
		t.Errorf("after a restart the host is %v, want ejected", got)
	}
	if left, err := filepath.Glob(path + ".*"); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestWhatCannotBeReadMeansNoMarks(t *testing.T) {
	for name, tt := range map[string]struct{ content, warning string }{
		"no file":        {"", ""},
		"damaged":        {`{"version":2,"hosts":[{"clus`, "unexpected end of JSON"},
		"a newer one":    {`{"version":3,"hosts":[]}`, "newer version"},
		"no version":     {`{}`, "version 0"},
		"something else": {`marks!`, "invalid character"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state.json")
			if tt.content != "" {
				if err := os.WriteFile(path, []byte(tt.content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var log bytes.Buffer
			tr := tracker()
			New(path, tr, slog.New(slog.NewTextHandler(&log, nil))).Load(time.Now())
			if got := verdict(t, tr); got != health.Healthy {
				t.Errorf("the host is %v, want healthy", got)
			}
			if tt.warning == "" && log.Len() > 0 || !strings.Contains(log.String(), tt.warning) {
				t.Errorf("the log says %q, want %q", log.String(), tt.warning)
			}
		})
	}
}

func TestFirstVersionIsUpgraded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	until := time.Now().Add(20 * time.Second).Format(time.RFC3339Nano)
	first := `{"version":1,"hosts":[{"cluster":"web","address":"10.0.0.1:80","verdict":"ejected","until":"` + until + `"}]}`
	if err := os.WriteFile(path, []byte(first), 0o600); err != nil {
		t.Fatal(err)
	}
	tr := tracker()
	f := New(path, tr, slog.New(slog.DiscardHandler))
	f.Load(time.Now())
	if got := verdict(t, tr); got != health.Ejected {
		t.Errorf("from version 1 the host is %v, want ejected", got)
	}
	run(t, f)
	data, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(data), `"version":2`) {
		t.Errorf("saved as %s, %v; want version 2", data, err)
	}
}

// TestUnwritable shows that a save that cannot be done is said, and leaves the last state as it was.
func TestUnwritable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gone", "state.json")
	var log bytes.Buffer
	f := New(path, tracker(), slog.New(slog.NewTextHandler(&log, nil)))
	run(t, f)
	if !f.Failed() || !strings.Contains(log.String(), "state is not saved") {
		t.Errorf("failed %v, log %q", f.Failed(), log.String())
	}
}
