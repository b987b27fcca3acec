// Package resolve turns configured hosts into addresses. EDS takes literal addresses only, so names are ours to
// resolve.
package resolve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/config"
	"github.com/envoy-passive-health/passive-health/health"
)

const (
	period      = 5 * time.Second // how often every name is looked up
	lookUpLimit = 2 * time.Second // how long one look-up may take
	parallel    = 16              // look-ups at a time
)

// LookUp finds the addresses of a name; net.Resolver's LookupNetIP is one.
type LookUp func(ctx context.Context, network, name string) ([]netip.Addr, error)

// Options configure a Resolver.
type Options struct {
	Logger *slog.Logger
	LookUp LookUp // nil for the system's resolver
}

// Resolver knows the addresses of every configured host. A name stands for all of its addresses; a look-up that
// fails or finds nothing keeps the last answer and is counted.
type Resolver struct {
	logger *slog.Logger
	lookUp LookUp

	mu       sync.Mutex // guards the rest; not held during a look-up
	clusters []config.Cluster
	answers  map[string][]netip.Addr // by name, sorted
	stats    map[string]Stats        // by cluster
}

// Stats are the look-ups of one cluster's names.
type Stats struct {
	Failures    uint64
	LastSuccess time.Time // zero if there was none
}

// New returns a Resolver without clusters.
func New(o Options) *Resolver {
	if o.LookUp == nil {
		o.LookUp = net.DefaultResolver.LookupNetIP
	}
	return &Resolver{logger: o.Logger, lookUp: o.LookUp, answers: map[string][]netip.Addr{}, stats: map[string]Stats{}}
}

// Set replaces the clusters and looks up their names, each for at most 2 s.
func (r *Resolver) Set(ctx context.Context, clusters []config.Cluster) {
	r.mu.Lock()
	r.clusters = clusters
	r.mu.Unlock()
	r.refresh(ctx)
}

// Run looks every name up every 5 s until ctx is done, and calls changed when an answer differs from the last.
func (r *Resolver) Run(ctx context.Context, changed func()) {
	ticks := time.NewTicker(period)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
			if r.refresh(ctx) {
				changed()
			}
		}
	}
}

// Members returns the hosts of a cluster, sorted by address. A name without an answer so far stands for none.
func (r *Resolver) Members(cluster string) []health.Member {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.clusters, func(c config.Cluster) bool { return c.Name == cluster })
	if i < 0 {
		return nil
	}
	var members []health.Member
	for _, t := range r.clusters[i].Hosts {
		for _, address := range r.addresses(t) {
			members = append(members, health.Member{Address: address, Weight: t.Weight, Zone: t.Zone})
		}
	}
	slices.SortStableFunc(members, func(a, b health.Member) int { return a.Address.Compare(b.Address) })
	return slices.CompactFunc(members, func(a, b health.Member) bool { return a.Address == b.Address })
}

// Stats returns the look-ups by cluster; clusters without names are not in it.
func (r *Resolver) Stats() map[string]Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.stats)
}

func (r *Resolver) addresses(t config.Target) []netip.AddrPort {
	if t.Literal.IsValid() {
		return []netip.AddrPort{t.Literal}
	}
	var found []netip.AddrPort
	for _, address := range r.answers[t.Name] {
		found = append(found, netip.AddrPortFrom(address, t.Port))
	}
	return found
}

// refresh looks up every name, each once, and says whether an answer changed.
func (r *Resolver) refresh(ctx context.Context) (changed bool) {
	names := r.names()
	places := make(chan struct{}, parallel)
	var looking sync.WaitGroup
	var mu sync.Mutex
	for name, clusters := range names {
		looking.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			answer, err := r.ask(ctx, name)
			mu.Lock()
			defer mu.Unlock()
			changed = r.note(name, clusters, answer, err) || changed
		})
	}
	looking.Wait()
	return changed
}

// names returns the names to look up, each with the clusters that have it.
func (r *Resolver) names() map[string][]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	names := map[string][]string{}
	for i := range r.clusters {
		for _, t := range r.clusters[i].Hosts {
			if t.Name != "" {
				names[t.Name] = append(names[t.Name], r.clusters[i].Name)
			}
		}
	}
	return names
}

var errNothing = errors.New("no addresses")

func (r *Resolver) ask(ctx context.Context, name string) ([]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, lookUpLimit)
	defer cancel()
	answer, err := r.lookUp(ctx, "ip", name)
	if err == nil && len(answer) == 0 {
		err = errNothing
	}
	if err != nil {
		return nil, fmt.Errorf("look up %q: %w", name, err)
	}
	for i := range answer {
		answer[i] = answer[i].Unmap().WithZone("")
	}
	slices.SortFunc(answer, netip.Addr.Compare)
	return slices.Compact(answer), nil
}

// note keeps an answer, or counts that there was none.
func (r *Resolver) note(name string, clusters []string, answer []netip.Addr, err error) (changed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, cluster := range clusters {
		s := r.stats[cluster]
		if err != nil {
			s.Failures++
		} else {
			s.LastSuccess = time.Now()
		}
		r.stats[cluster] = s
	}
	if err != nil {
		r.logger.Warn("name not resolved, its last addresses stay", "event", "discovery.failed", "name", name, "error", err)
		return false
	}
	if slices.Equal(r.answers[name], answer) {
		return false
	}
	r.answers[name] = answer
	r.logger.Info("name resolved", "event", "discovery.changed", "name", name, "addresses", answer)
	return true
}
