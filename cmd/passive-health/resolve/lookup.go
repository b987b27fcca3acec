package resolve

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	lookUpLimit = 2 * time.Second // how long one look-up may take
	parallel    = 16              // look-ups at a time
)

// LookUp finds the addresses of a name; net.Resolver's LookupNetIP is one.
type LookUp func(ctx context.Context, network, name string) ([]netip.Addr, error)

// answer is what one look-up brought.
type answer struct {
	name      string
	addresses []netip.Addr // sorted, IPv4 as IPv4
	err       error
	at        time.Time
}

// askAll looks the names up and returns an answer for each.
func (r *Resolver) askAll(ctx context.Context, names []string) []answer {
	answers := make([]answer, len(names))
	next := make(chan int)
	var asking sync.WaitGroup
	for range min(parallel, len(names)) {
		asking.Go(func() {
			for i := range next {
				addresses, err := r.ask(ctx, names[i])
				answers[i] = answer{name: names[i], addresses: addresses, err: err, at: time.Now()}
			}
		})
	}
	for i := range names {
		next <- i
	}
	close(next)
	asking.Wait()
	return answers
}

var errNothing = errors.New("no addresses")

func (r *Resolver) ask(ctx context.Context, name string) ([]netip.Addr, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("look up %q: no time left: %w", name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, lookUpLimit)
	defer cancel()
	found, err := r.lookUp(ctx, "ip", name)
	if err == nil && len(found) == 0 {
		err = errNothing
	}
	if err != nil {
		return nil, fmt.Errorf("look up %q: %w", name, err)
	}
	addresses := make([]netip.Addr, len(found))
	for i := range found {
		addresses[i] = found[i].Unmap().WithZone("") // as Envoy reports them
	}
	slices.SortFunc(addresses, netip.Addr.Compare)
	return slices.Compact(addresses), nil
}

// news is an answer that changed something.
type news struct {
	answer
	moved bool // to other addresses
	kept  bool // there are addresses of an earlier answer
}

// note keeps the answers of names that are still configured, and returns the news. The mutex is held. What ctx's end cut
// short says nothing of the names.
func (r *Resolver) note(ctx context.Context, answers []answer) []news {
	var all []news
	for _, a := range answers {
		n := r.names[a.name]
		if n == nil || a.err != nil && ctx.Err() != nil {
			continue
		}
		r.count(n, &a)
		failing := a.err != nil
		moved := !failing && !slices.Equal(n.addresses, a.addresses)
		if moved {
			n.addresses = a.addresses
		}
		if moved || failing != n.failing {
			all = append(all, news{answer: a, moved: moved, kept: len(n.addresses) > 0})
		}
		n.failing = failing
	}
	return all
}

func (r *Resolver) count(n *name, a *answer) {
	for _, cluster := range n.clusters {
		s := r.stats[cluster]
		if a.err != nil {
			s.Failures++
		} else {
			s.LastSuccess = a.at
		}
		r.stats[cluster] = s
	}
}

// tell logs what changed, not what goes on: a name that is gone for a day would fill the log.
func (r *Resolver) tell(all []news) {
	for i := range all {
		n := &all[i]
		switch {
		case n.err != nil && n.kept:
			r.logger.Warn("name not resolved, its last addresses stay", "event", "discovery.failed", "name", n.name, "error", n.err)
		case n.err != nil:
			r.logger.Warn("name not resolved, it stands for no hosts until it is", "event", "discovery.failed",
				"name", n.name, "error", n.err)
		default:
			r.logger.Info("name resolved", "event", "discovery.changed", "name", n.name, "addresses", n.addresses)
		}
	}
}
