package processor

import (
	"slices"

	"github.com/envoy-passive-health/passive-health/health"
)

// roster is whose load reports are wanted. It is replaced, never changed.
type roster struct {
	clusters []string // sorted
	hosts    map[health.Host]struct{}
	changed  chan struct{} // closed when other clusters are wanted
}

func newRoster(clusters []health.Cluster) *roster {
	r := &roster{hosts: map[health.Host]struct{}{}, changed: make(chan struct{})}
	for i := range clusters {
		c := &clusters[i]
		r.clusters = append(r.clusters, c.Name)
		for _, m := range c.Members {
			r.hosts[health.Host{Cluster: c.Name, Address: m.Address}] = struct{}{}
		}
	}
	slices.Sort(r.clusters)
	return r
}

func (r *roster) has(h health.Host) bool {
	_, ok := r.hosts[h]
	return ok
}

func (r *roster) hasCluster(name string) bool {
	_, ok := slices.BinarySearch(r.clusters, name)
	return ok
}

// SetClusters says whose load reports are wanted, and which hosts can have hidden failures: the clusters that have load
// reports for a sensor, with their members. Call it before the server serves and at each change of either. Envoys that
// are connected are told if there are other clusters than before.
func (s *Server) SetClusters(clusters []health.Cluster) {
	s.setting.Lock()
	defer s.setting.Unlock()
	old, r := s.roster.Load(), newRoster(clusters)
	if slices.Equal(old.clusters, r.clusters) {
		r.changed = old.changed // an answer restarts Envoy's timer, so there is none without a reason
		s.roster.Store(r)
		return
	}
	s.roster.Store(r)
	close(old.changed)
}
