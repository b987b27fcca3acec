package health

import (
	"net/netip"
	"strings"
)

// Host names one upstream host: Envoy's cluster name and the host's address. It is comparable, so it is the map
// key everywhere; the same address in two clusters is two hosts with two verdicts.
type Host struct {
	Cluster string
	Address netip.AddrPort
}

// String returns "cluster address", the form used in logs and on the command line.
func (h Host) String() string { return h.Cluster + " " + h.Address.String() }

// ParseAddress reads an address as Envoy prints it in upstream.address: "10.0.0.1:8080", "[2001:db8::1]:8080".
// An IPv4 address written as IPv6 ("[::ffff:10.0.0.1]:80") is the IPv4 address. A name, a zone, a port of 0, a
// pipe path and an internal address ("envoy://...") are not addresses of a host: ok is false.
func ParseAddress(s string) (address netip.AddrPort, ok bool) {
	if strings.IndexByte(s, '%') >= 0 {
		return netip.AddrPort{}, false
	}
	parsed, err := netip.ParseAddrPort(s)
	if err != nil || parsed.Port() == 0 {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(parsed.Addr().Unmap(), parsed.Port()), true
}

// Member is one configured host of a cluster.
type Member struct {
	Address netip.AddrPort
	Weight  uint32 // the host's load balancing weight at full share, 1 or more
	Zone    string // empty where the configuration names none
}

// Cluster is what the configuration says of one Envoy cluster.
type Cluster struct {
	Name    string // Envoy's cluster name, what xds.cluster_name says
	Policy  Policy
	Members []Member
}
