package resolve

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/config"
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
