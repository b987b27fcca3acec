package processor

import (
	"strings"
	"sync"

	"github.com/envoy-passive-health/passive-health/health"
)

// maxNames bounds how many names are kept: more than a fleet has clusters, Envoys and routes. Beyond it a name is
// copied each time, which costs an allocation and nothing else.
const maxNames = 16384

// names keeps one copy of each name that messages repeat, so that an Observation can outlive its message without
// an allocation.
type names struct {
	mu    sync.RWMutex // read by every stream, written once per new name
	known map[string]string
}

// own makes an Observation's texts independent of the message they were read from.
func (n *names) own(o *health.Observation) {
	o.Host.Cluster, o.Reporter, o.Route = n.copy(o.Host.Cluster), n.copy(o.Reporter), n.copy(o.Route)
}

func (n *names) copy(name string) string {
	n.mu.RLock()
	kept, ok := n.known[name]
	n.mu.RUnlock()
	if ok || name == "" {
		return kept
	}
	return n.keep(strings.Clone(name))
}

func (n *names) keep(name string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(name) <= MaxName && len(n.known) < maxNames {
		n.known[name] = name
	}
	return name
}
