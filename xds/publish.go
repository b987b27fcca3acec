package xds

import (
	"errors"
	"fmt"

	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"google.golang.org/protobuf/proto"

	"github.com/envoy-passive-health/passive-health/health"
)

// published is what the cache holds under one service name.
type published struct {
	hosts []edsHost // what the CLA was built from; nil when the configuration has changed since
	cla   *endpointv3.ClusterLoadAssignment
}

// SetClusters replaces the configured clusters. It takes effect with the next Publish, which also withdraws what no
// cluster publishes any more; an Envoy that still asks for it keeps the endpoints it has.
func (s *Server) SetClusters(clusters []Cluster) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clusters = make(map[string]Cluster, len(clusters))
	s.owners = make(map[string]string, len(clusters))
	for _, c := range clusters {
		s.clusters[c.Name] = c
		if _, taken := s.owners[c.serviceName()]; !taken {
			s.owners[c.serviceName()] = c.Name
		}
	}
	for _, p := range s.published {
		p.hosts = nil
	}
}

// Publish sends every proxy what is new in the snapshots, at most one each cluster, in one push. Clusters that are
// not among them stay as they are. A cluster that cannot be published (no hosts, a host that Envoy would refuse, a
// cluster that is not configured) also stays as it is; the error joins all of those, and the rest is published.
func (s *Server) Publish(snapshots []health.Snapshot) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := make(map[string]types.Resource)
	var faults []error
	for i := range snapshots {
		if err := s.stage(&snapshots[i], changed); err != nil {
			faults = append(faults, fmt.Errorf("cluster %q is not published: %w", snapshots[i].Cluster, err))
		}
	}
	withdrawn := s.withdraw()
	if len(changed) > 0 || len(withdrawn) > 0 {
		if err := s.cache.UpdateResources(changed, withdrawn); err != nil {
			faults = append(faults, fmt.Errorf("notify the proxies of %d clusters: %w", len(changed), err))
		}
	}
	s.faults += uint64(len(faults))
	return errors.Join(faults...)
}

// stage adds the snapshot's CLA to changed, unless it is the one published last. Caller holds s.mu.
func (s *Server) stage(snapshot *health.Snapshot, changed map[string]types.Resource) error {
	cluster, ok := s.clusters[snapshot.Cluster]
	if !ok {
		return errors.New("not configured")
	}
	name := cluster.serviceName()
	if owner := s.owners[name]; owner != cluster.Name {
		return fmt.Errorf("service name %q is published for cluster %q", name, owner)
	}
	last := s.published[name]
	if last != nil && sameHosts(last.hosts, snapshot) {
		return nil
	}
	hosts := edsHosts(snapshot)
	cla, err := loadAssignment(&cluster, hosts)
	if err != nil {
		return err
	}
	if last != nil && proto.Equal(last.cla, cla) {
		last.hosts = hosts
		return nil
	}
	s.published[name] = &published{hosts: hosts, cla: cla}
	changed[name] = cla
	return nil
}

// withdraw forgets what no cluster publishes any more, and returns its names. Caller holds s.mu.
func (s *Server) withdraw() []string {
	var names []string
	for name := range s.published {
		if _, configured := s.owners[name]; !configured {
			delete(s.published, name)
			names = append(names, name)
		}
	}
	return names
}
