package xds

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/envoy-passive-health/passive-health/health"
)

// edsHost is the part of a health.HostSnapshot that EDS carries. Two snapshots with the same edsHosts are the same to
// Envoy, whatever else changed.
type edsHost struct {
	address   netip.AddrPort
	zone      string
	weight    uint32
	published health.Published
}

func newEDSHost(h *health.HostSnapshot) edsHost {
	address := netip.AddrPortFrom(h.Host.Address.Addr().Unmap(), h.Host.Address.Port())
	return edsHost{address: address, zone: h.Zone, weight: h.PublishedWeight, published: h.Published}
}

func edsHosts(s *health.Snapshot) []edsHost {
	hosts := make([]edsHost, len(s.Hosts))
	for i := range s.Hosts {
		hosts[i] = newEDSHost(&s.Hosts[i])
	}
	return hosts
}

// sameHosts says whether the snapshot says what hosts say, in the same order; no hosts are like nothing. It allocates
// nothing: most clusters are unchanged in most publishes.
func sameHosts(hosts []edsHost, s *health.Snapshot) bool {
	if len(hosts) == 0 || len(hosts) != len(s.Hosts) {
		return false
	}
	for i := range s.Hosts {
		if hosts[i] != newEDSHost(&s.Hosts[i]) {
			return false
		}
	}
	return true
}

// loadAssignment returns the cluster's CLA: a locality per zone, zones and addresses in ascending order. It returns an
// error instead of anything that Envoy would refuse, and instead of a CLA without hosts.
func loadAssignment(c *Cluster, hosts []edsHost) (*endpointv3.ClusterLoadAssignment, error) {
	if err := checkHosts(hosts); err != nil {
		return nil, err
	}
	cla := &endpointv3.ClusterLoadAssignment{ClusterName: c.serviceName()}
	if c.OverprovisioningFactor != 0 {
		factor := wrapperspb.UInt32(c.OverprovisioningFactor)
		cla.Policy = &endpointv3.ClusterLoadAssignment_Policy{OverprovisioningFactor: factor}
	}
	hosts = slices.Clone(hosts)
	slices.SortFunc(hosts, func(a, b edsHost) int {
		return cmp.Or(cmp.Compare(a.zone, b.zone), a.address.Compare(b.address))
	})
	for len(hosts) > 0 {
		n := 1
		for n < len(hosts) && hosts[n].zone == hosts[0].zone {
			n++
		}
		cla.Endpoints = append(cla.Endpoints, locality(c, hosts[:n]))
		hosts = hosts[n:]
	}
	return cla, checkMessage(cla)
}

// locality returns one zone. It weighs what its hosts weigh, so that a host's share does not depend on its zone where a
// client balances between localities; grpc-go always does, and drops a locality without a name or a weight.
func locality(c *Cluster, hosts []edsHost) *endpointv3.LocalityLbEndpoints {
	endpoints := make([]*endpointv3.LbEndpoint, len(hosts))
	var weight uint32
	for i, h := range hosts {
		endpoints[i] = lbEndpoint(h, c.Endpoints[h.address])
		weight += h.weight
	}
	return &endpointv3.LocalityLbEndpoints{
		Locality:            &corev3.Locality{Zone: hosts[0].zone},
		LoadBalancingWeight: wrapperspb.UInt32(weight),
		LbEndpoints:         endpoints,
	}
}

func lbEndpoint(h edsHost, extra Endpoint) *endpointv3.LbEndpoint {
	endpoint := &endpointv3.Endpoint{
		Hostname: extra.Hostname,
		Address: &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
			Address:       h.address.Addr().String(),
			PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(h.address.Port())},
		}}},
	}
	if extra.HealthCheckPort != 0 {
		endpoint.HealthCheckConfig = &endpointv3.Endpoint_HealthCheckConfig{PortValue: extra.HealthCheckPort}
	}
	return &endpointv3.LbEndpoint{
		HostIdentifier:      &endpointv3.LbEndpoint_Endpoint{Endpoint: endpoint},
		HealthStatus:        healthStatus(h.published),
		LoadBalancingWeight: wrapperspb.UInt32(h.weight),
		Metadata:            extra.Metadata,
	}
}

// healthStatus never leaves the status unknown: HEALTHY said aloud is what an operator finds in Envoy's config dump.
func healthStatus(p health.Published) corev3.HealthStatus {
	if p == health.PublishedUnhealthy {
		return corev3.HealthStatus_UNHEALTHY
	}
	return corev3.HealthStatus_HEALTHY
}

// checkHosts refuses what the generated validation lets through.
func checkHosts(hosts []edsHost) error {
	if len(hosts) == 0 {
		return errors.New("no hosts: an assignment without hosts would fail every request")
	}
	seen := make(map[netip.AddrPort]bool, len(hosts))
	var total uint64
	for _, h := range hosts {
		if err := checkHost(h); err != nil {
			return err
		}
		if seen[h.address] {
			return fmt.Errorf("host %v: listed twice", h.address)
		}
		seen[h.address] = true
		total += uint64(h.weight)
	}
	if total > math.MaxUint32 {
		return fmt.Errorf("total weight %d is above %d", total, uint32(math.MaxUint32))
	}
	return nil
}

func checkHost(h edsHost) error {
	switch {
	case !h.address.Addr().IsValid() || h.address.Addr().Zone() != "":
		return fmt.Errorf("host %v: not a literal IP address and port", h.address)
	case h.address.Port() == 0:
		return fmt.Errorf("host %v: port 0 is not in 1..65535", h.address)
	case h.weight == 0:
		return fmt.Errorf("host %v: weight 0 is not 1 or more", h.address)
	}
	return nil
}

// checkMessage applies Envoy's own rules, and encodes the message once to find text that is not UTF-8: the cache
// would find it too late.
func checkMessage(cla *endpointv3.ClusterLoadAssignment) error {
	if err := cla.ValidateAll(); err != nil {
		return err
	}
	_, err := proto.Marshal(cla)
	return err
}
