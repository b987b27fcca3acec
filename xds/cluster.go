package xds

import (
	"cmp"
	"net/netip"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
)

// Cluster is what the configuration says of one cluster beyond health.Cluster. It is not changed after SetClusters
// has it.
type Cluster struct {
	Name        string // Envoy's cluster name, as in health.Snapshot.Cluster
	ServiceName string // the name that Envoy subscribes to over EDS; empty means Name

	// OverprovisioningFactor is the CLA's, in percent; 0 leaves Envoy's default of 140. At 1000, an aggregate cluster
	// spills over to its next member only when every host here is out.
	OverprovisioningFactor uint32

	Endpoints map[netip.AddrPort]Endpoint // extras of single hosts, may be empty
}

// Endpoint is what a CLA carries of a host besides its address, weight and health.
type Endpoint struct {
	Hostname        string           // for auto_host_rewrite and active checks' Host header; empty for none
	HealthCheckPort uint32           // 0 to 65535; 0 means the host's own port
	Metadata        *corev3.Metadata // nil for none; not changed after SetClusters has it
}

func (c *Cluster) serviceName() string { return cmp.Or(c.ServiceName, c.Name) }
