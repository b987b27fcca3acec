// Package resolve turns configured hosts into addresses. EDS takes literal addresses only, so names are ours to
// resolve.
package resolve

import (
	"context"
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
	period   = 5 * time.Second  // how often every name is looked up
	setLimit = 10 * time.Second // how long Set may take, however many names have no answer
)

// Options configure a Resolver.
type Options struct {
	Logger *slog.Logger
	LookUp LookUp // nil for the system's resolver
}

// Resolver knows the addresses of every configured host. A name stands for all of its addresses; a look-up that
// fails or finds nothing keeps the last answer and is counted. Its methods may be called at the same time.
type Resolver struct {
	logger *slog.Logger
	lookUp LookUp

	mu       sync.Mutex // guards the rest; not held during a look-up
	clusters map[string][]config.Target
	names    map[string]*name
	stats    map[string]Stats // by cluster
}

// name is what is known of a host name.
type name struct {
	clusters  []string     // that have it, each once
	addresses []netip.Addr // sorted; none before the first answer
	failing   bool         // the last look-up failed
}

// Stats are the look-ups of one cluster's names.
type Stats struct {
	Failures    uint64    // look-ups that failed or found nothing
	LastSuccess time.Time // zero if there was none
}

// New returns a Resolver without clusters.
func New(o Options) *Resolver {
	if o.LookUp == nil {
		o.LookUp = net.DefaultResolver.LookupNetIP
	}
	return &Resolver{logger: o.Logger, lookUp: o.LookUp}
}

// Set replaces the clusters. It looks up the names that are new, for 10 s at most, and keeps the answers of the others:
// until it returns, Members are the old ones. It is called at the start and by each reload, one call at a time.
func (r *Resolver) Set(ctx context.Context, clusters []config.Cluster) {
	names := namesOf(clusters)
	limited, cancel := context.WithTimeout(ctx, setLimit)
	defer cancel()
	answers := r.askAll(limited, r.unknown(names))
	r.tell(r.replace(ctx, clusters, names, answers))
}

// replace makes the clusters the running ones, with what is known of the names that stay and with the answers.
func (r *Resolver) replace(ctx context.Context, clusters []config.Cluster, names map[string]*name, answers []answer) []news {
	r.mu.Lock()
	defer r.mu.Unlock()
	old, oldStats := r.names, r.stats
	r.clusters, r.names, r.stats = make(map[string][]config.Target, len(clusters)), names, map[string]Stats{}
	for i := range clusters {
		r.clusters[clusters[i].Name] = clusters[i].Hosts
	}
	for key, n := range names {
		if known := old[key]; known != nil {
			n.addresses, n.failing = known.addresses, known.failing
		}
		for _, cluster := range n.clusters {
			r.stats[cluster] = oldStats[cluster]
		}
	}
	return r.note(ctx, answers)
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

// Members returns the hosts of a cluster, sorted by address. A name without an answer so far stands for none; of an
// address that stands there twice, the first in the configuration counts.
func (r *Resolver) Members(cluster string) []health.Member {
	r.mu.Lock()
	defer r.mu.Unlock()
	var members []health.Member
	for _, t := range r.clusters[cluster] {
		if t.Literal.IsValid() {
			members = append(members, health.Member{Address: t.Literal, Weight: t.Weight, Zone: t.Zone})
			continue
		}
		for _, address := range r.names[t.Name].addresses {
			members = append(members, health.Member{Address: netip.AddrPortFrom(address, t.Port), Weight: t.Weight, Zone: t.Zone})
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

// refresh looks up every name, each once, and says whether an answer changed.
func (r *Resolver) refresh(ctx context.Context) (changed bool) {
	r.mu.Lock()
	names := slices.Collect(maps.Keys(r.names))
	r.mu.Unlock()
	answers := r.askAll(ctx, names)
	r.mu.Lock()
	all := r.note(ctx, answers)
	r.mu.Unlock()
	r.tell(all)
	return slices.ContainsFunc(all, func(n news) bool { return n.moved })
}

// unknown returns the names that have not been looked up yet.
func (r *Resolver) unknown(names map[string]*name) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []string
	for key := range names {
		if r.names[key] == nil {
			found = append(found, key)
		}
	}
	return found
}

// namesOf returns the host names of the clusters, without answers.
func namesOf(clusters []config.Cluster) map[string]*name {
	names := map[string]*name{}
	for i := range clusters {
		for _, t := range clusters[i].Hosts {
			if t.Name == "" {
				continue
			}
			if names[t.Name] == nil {
				names[t.Name] = &name{}
			}
			n := names[t.Name]
			if cluster := clusters[i].Name; !slices.Contains(n.clusters[max(len(n.clusters)-1, 0):], cluster) {
				n.clusters = append(n.clusters, cluster) // a cluster's hosts come one after another: only the last can be it
			}
		}
	}
	return names
}
