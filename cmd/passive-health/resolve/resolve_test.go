package resolve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/config"
	"github.com/envoy-passive-health/passive-health/health"
)

// zone answers look-ups; a test changes it as a DNS zone would change.
type zone struct {
	mu      sync.Mutex
	answers map[string][]string
}

func (z *zone) set(name string, addresses ...string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.answers[name] = addresses
}

func (z *zone) lookUp(_ context.Context, _, name string) ([]netip.Addr, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	answer, ok := z.answers[name]
	if !ok {
		return nil, errors.New("no such host")
	}
	var found []netip.Addr
	for _, a := range answer {
		found = append(found, netip.MustParseAddr(a))
	}
	return found, nil
}

func parse(t *testing.T, yaml string) []config.Cluster {
	t.Helper()
	c, err := config.Parse("f", []byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	return c.Clusters
}

func addresses(r *Resolver) []string {
	var found []string
	for _, m := range r.Members("web") {
		found = append(found, m.Address.String())
	}
	return found
}

func TestNamesBecomeAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := &zone{answers: map[string][]string{"web.internal": {"10.0.0.9", "::ffff:10.0.0.8"}}}
		r := New(Options{Logger: slog.New(slog.DiscardHandler), LookUp: z.lookUp})
		r.Set(t.Context(), parse(t, "clusters: [{name: web, hosts: ['10.0.0.1:80', 'web.internal:80', 'gone.internal:80']}]"))
		changes := 0
		go r.Run(t.Context(), func() { changes++ })
		want := func(what string, wantChanges int, want ...string) {
			t.Helper()
			<-time.After(period + 1)
			synctest.Wait()
			if got := addresses(r); !slices.Equal(got, want) || changes != wantChanges {
				t.Errorf("%s: %v after %d changes, want %v after %d", what, got, changes, want, wantChanges)
			}
		}
		want("at first", 0, "10.0.0.1:80", "10.0.0.8:80", "10.0.0.9:80")
		z.set("web.internal", "10.0.0.7")
		want("another answer", 1, "10.0.0.1:80", "10.0.0.7:80")
		z.set("web.internal")
		want("an empty answer keeps the last", 1, "10.0.0.1:80", "10.0.0.7:80")
		z.set("gone.internal", "10.0.0.1")
		want("an address that is listed already", 2, "10.0.0.1:80", "10.0.0.7:80")
		if s := r.Stats()["web"]; s.Failures == 0 || s.LastSuccess.IsZero() {
			t.Errorf("stats %+v: failures and the last success must show", s)
		}
	})
}

func TestSetKeepsWhatStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := &zone{answers: map[string][]string{"a.internal": {"10.0.0.1"}, "b.internal": {"10.0.0.2"}}}
		r := New(Options{Logger: slog.New(slog.DiscardHandler), LookUp: z.lookUp})
		r.Set(t.Context(), parse(t, "clusters: [{name: web, hosts: ['a.internal:80', 'a.internal:81']}, {name: api, hosts: ['10.9.9.9:1']}]"))
		delete(z.answers, "a.internal")
		r.refresh(t.Context())
		if got, want := r.Stats(), map[string]Stats{"web": {Failures: 1, LastSuccess: time.Now()}}; !maps.Equal(got, want) {
			t.Errorf("stats %v, want %v: one name of one cluster failed once", got, want)
		}
		r.Set(t.Context(), parse(t, "clusters: [{name: web, hosts: ['a.internal:80', 'b.internal:80']}]"))
		if got, want := addresses(r), []string{"10.0.0.1:80", "10.0.0.2:80"}; !slices.Equal(got, want) {
			t.Errorf("members %v, want %v: a reload forgot an answer", got, want)
		}
		if got := r.Stats()["web"].Failures; got != 1 {
			t.Errorf("%d failures, want 1: a reload waited for a name that it knows", got)
		}
		if got := r.Members("api"); got != nil {
			t.Errorf("a cluster that left still has %v", got)
		}
		r.Set(t.Context(), parse(t, "clusters: [{name: web, hosts: ['10.0.0.3:80']}]"))
		if len(r.Stats()) != 0 || len(r.names) != 0 {
			t.Errorf("stats %v and names %v outlive their cluster's names", r.Stats(), r.names)
		}
	})
}

// TestLookUpsAreBounded has a resolver that never answers: neither one name nor a hundred may hold up a start for long.
func TestLookUpsAreBounded(t *testing.T) {
	for _, tt := range []struct {
		names int
		want  time.Duration
	}{{1, 2 * time.Second}, {16, 2 * time.Second}, {17, 4 * time.Second}, {1000, 10 * time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			var running atomic.Int64
			dead := func(ctx context.Context, _, _ string) ([]netip.Addr, error) {
				if n := running.Add(1); n > parallel {
					t.Errorf("%d look-ups at a time, want at most %d", n, parallel)
				}
				defer running.Add(-1)
				<-ctx.Done()
				return nil, ctx.Err()
			}
			r := New(Options{Logger: slog.New(slog.DiscardHandler), LookUp: dead})
			clusters := []config.Cluster{{Name: "web", Hosts: []config.Target{{Literal: netip.MustParseAddrPort("10.0.0.1:80"), Weight: 1}}}}
			for i := range tt.names {
				clusters[0].Hosts = append(clusters[0].Hosts, config.Target{Name: fmt.Sprintf("n%d.internal", i), Port: 80, Weight: 1})
			}
			start := time.Now()
			r.Set(t.Context(), clusters)
			if took := time.Since(start); took != tt.want {
				t.Errorf("%d names: Set took %v, want %v", tt.names, took, tt.want)
			}
			if got := addresses(r); !slices.Equal(got, []string{"10.0.0.1:80"}) {
				t.Errorf("members %v: dead names must not take the others with them", got)
			}
			if got := r.Stats()["web"].Failures; got != uint64(tt.names) {
				t.Errorf("%d failures, want one for each of %d names", got, tt.names)
			}
		})
	}
}

// TestLogSaysChanges holds the log to one line for each turn, however long it lasts.
func TestLogSaysChanges(t *testing.T) {
	var log strings.Builder
	z := &zone{answers: map[string][]string{}}
	r := New(Options{Logger: slog.New(slog.NewTextHandler(&log, nil)), LookUp: z.lookUp})
	said := func(what string, want ...string) {
		t.Helper()
		lines := slices.Collect(strings.Lines(log.String()))
		log.Reset()
		if !slices.EqualFunc(lines, want, strings.Contains) {
			t.Errorf("%s: the log says %q, want %q", what, lines, want)
		}
	}
	r.Set(t.Context(), parse(t, "clusters: [{name: web, hosts: ['web.internal:80']}]"))
	said("never there", "it stands for no hosts until it is")
	r.refresh(t.Context())
	said("still not there")
	z.set("web.internal", "10.0.0.1")
	r.refresh(t.Context())
	said("there", "name resolved")
	r.refresh(t.Context())
	said("still there")
	z.set("web.internal")
	r.refresh(t.Context())
	said("empty", "its last addresses stay")
	z.set("web.internal", "10.0.0.1")
	r.refresh(t.Context())
	said("there again, the same", "name resolved")
}

func TestAStopIsNoFailure(t *testing.T) {
	z := &zone{answers: map[string][]string{"web.internal": {"10.0.0.1"}}}
	r := New(Options{Logger: slog.New(slog.DiscardHandler), LookUp: z.lookUp})
	r.Set(t.Context(), parse(t, "clusters: [{name: web, hosts: ['web.internal:80']}]"))
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if r.refresh(stopped) || r.Stats()["web"].Failures != 0 {
		t.Errorf("stats %+v: a stop counted as a failure", r.Stats()["web"])
	}
}

// TestFirstTargetCounts: an address that a name and a literal share stands once, with the weight that is said first.
func TestFirstTargetCounts(t *testing.T) {
	z := &zone{answers: map[string][]string{"web.internal": {"10.0.0.1"}}}
	r := New(Options{Logger: slog.New(slog.DiscardHandler), LookUp: z.lookUp})
	r.Set(t.Context(), parse(t, "clusters: [{name: web, hosts: [{address: '10.0.0.1:80', weight: 7, zone: a}, 'web.internal:80']}]"))
	want := []health.Member{{Address: netip.MustParseAddrPort("10.0.0.1:80"), Weight: 7, Zone: "a"}}
	if got := r.Members("web"); !slices.Equal(got, want) {
		t.Errorf("members %v, want %v", got, want)
	}
}
