package config

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v4"

	"github.com/envoy-passive-health/passive-health/health"
)

// Cluster is one cluster of the fleet's Envoys.
type Cluster struct {
	Name        string // what xds.cluster_name says
	ServiceName string // the EDS name; Name unless it differs
	Hosts       []Target
	Policy      health.Policy
	Sensors     []Sensor
	Fallback    Fallback
}

// Target is one configured host: an address, or a name that stands for all of its addresses.
type Target struct {
	Literal netip.AddrPort // valid if the host is an address
	Name    string         // the name otherwise
	Port    uint16         // of the name
	Weight  uint32         // 1 to 128
	Zone    string
}

// String returns the target as it is configured, "10.0.0.1:8080" or "web-1:8080".
func (t Target) String() string {
	if t.Literal.IsValid() {
		return t.Literal.String()
	}
	return net.JoinHostPort(t.Name, strconv.Itoa(int(t.Port)))
}

// Fallback says what stands behind the cluster in Envoy.
type Fallback string

// The fallbacks.
const (
	FallbackNone      Fallback = "none"
	FallbackAggregate Fallback = "aggregate" // an aggregate cluster of ours and the user's own
)

// Bounds of a host's weight: larger ones make the hash rings of RING_HASH and MAGLEV large.
const (
	defaultWeight = 100
	maxWeight     = 128
)

// Has says whether the cluster uses a sensor.
func (c *Cluster) Has(s Sensor) bool { return slices.Contains(c.Sensors, s) }

func (d *decoder) clusters(n *yaml.Node, c *Config) {
	names, services := map[string]int{}, map[string]int{}
	d.list(n, "clusters", func(n *yaml.Node, path string) {
		cluster := d.cluster(n, path, c.Policy)
		if d.unique(valueOf(n, "name"), path+".name", cluster.Name, names) {
			d.unique(valueOf(n, "service_name"), path+".service_name", cluster.ServiceName, services)
		}
		c.Clusters = append(c.Clusters, cluster)
	})
}

// unique says whether a value is new, and faults it otherwise.
func (d *decoder) unique(n *yaml.Node, path, value string, seen map[string]int) bool {
	line, taken := seen[value]
	if taken && value != "" {
		d.faultf(n, path, "%q is taken already, in line %d", value, line)
		return false
	}
	seen[value] = n.Line
	return true
}

func (d *decoder) cluster(n *yaml.Node, path string, policy health.Policy) Cluster {
	c := Cluster{Policy: policy, Sensors: DefaultSensors(), Fallback: FallbackNone}
	var hosts, own *yaml.Node
	d.object(n, path, map[string]field{
		"name":         d.text(&c.Name),
		"service_name": d.text(&c.ServiceName),
		"hosts":        func(n *yaml.Node, _ string) { hosts = n },
		"policy":       func(n *yaml.Node, _ string) { own = n },
		"sensors":      d.sensors(&c.Sensors),
		"fallback":     word(d, &c.Fallback, FallbackNone, FallbackAggregate),
	})
	c.ServiceName = cmp.Or(c.ServiceName, c.Name)
	if c.Name == "" {
		d.faultf(n, path+".name", "is missing: Envoy's name of the cluster")
	}
	if own != nil {
		d.policy(own, path+".policy", &c.Policy)
	}
	c.Hosts = d.hosts(cmp.Or(hosts, n), hosts != nil, path+".hosts")
	d.checkSensors(n, path, &c)
	return c
}

func (d *decoder) hosts(n *yaml.Node, there bool, path string) []Target {
	if !there || n.Kind == yaml.SequenceNode && len(n.Content) == 0 || n.Tag == "!!null" {
		d.faultf(n, path, "is empty: a cluster without hosts would answer nothing but 503")
		return nil
	}
	seen := map[string]int{}
	var targets []Target
	d.list(n, path, func(n *yaml.Node, path string) {
		t, ok := d.target(n, path)
		if ok {
			d.unique(n, path, t.String(), seen)
			targets = append(targets, t)
		}
	})
	return targets
}

// target reads a host: an address alone, or a mapping with its weight and zone.
func (d *decoder) target(n *yaml.Node, path string) (t Target, ok bool) {
	weight, address := defaultWeight, n
	if n.Kind == yaml.MappingNode {
		d.object(n, path, map[string]field{
			"address": func(n *yaml.Node, _ string) { address = n },
			"weight":  d.number(&weight, 1, maxWeight),
			"zone":    d.text(&t.Zone),
		})
		if address == n {
			d.faultf(n, path+".address", "is missing: an address such as 10.0.0.1:8080, or a name such as web-1.internal:8080")
			return t, false
		}
	}
	t.Weight = uint32(weight)
	if err := t.parse(address.Value); err != nil || address.Kind != yaml.ScalarNode {
		d.faultf(address, path, "%s is neither an address such as 10.0.0.1:8080 or [2001:db8::1]:8080 nor a name with a port, "+
			"such as web-1.internal:8080", describe(address))
		return t, false
	}
	return t, true
}

// parse reads "ip:port" or "name:port".
func (t *Target) parse(s string) error {
	if address, ok := health.ParseAddress(s); ok {
		t.Literal = address
		return nil
	}
	name, port, err := net.SplitHostPort(s)
	if err != nil {
		return fmt.Errorf("host %q: %w", s, err)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 || !isName(name) {
		return fmt.Errorf("host %q: port %q is not 1 to 65535, or %q is not a host name", s, port, name)
	}
	t.Name, t.Port = name, uint16(number)
	return nil
}

// isName says whether s may be a host name (RFC 1123, with the underscore that container networks use). What looks
// like a misspelt address, digits and dots alone, is none.
func isName(s string) bool {
	const maxName = 253
	letters := 0
	for _, r := range s {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r == '_':
			letters++
		case r >= '0' && r <= '9', r == '-', r == '.':
		default:
			return false
		}
	}
	return letters > 0 && len(s) <= maxName
}
