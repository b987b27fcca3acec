package config

import (
	"cmp"
	"slices"

	"go.yaml.in/yaml/v4"

	"github.com/envoy-passive-health/passive-health/health"
	"github.com/envoy-passive-health/passive-health/processor"
)

// maxName bounds names that Envoy says too: no sensor takes a longer one.
const maxName = processor.MaxName

// Cluster is one cluster of the fleet's Envoys.
type Cluster struct {
	Name        string // what xds.cluster_name says
	ServiceName string // the EDS name; Name unless it differs
	Hosts       []Target
	Policy      health.Policy
	Sensors     []Sensor
	Fallback    Fallback
}

// Fallback says what stands behind the cluster in Envoy.
type Fallback string

// The fallbacks.
const (
	FallbackNone      Fallback = "none"
	FallbackAggregate Fallback = "aggregate" // an aggregate cluster of ours and the user's own
)

// Has says whether the cluster uses a sensor.
func (c *Cluster) Has(s Sensor) bool { return slices.Contains(c.Sensors, s) }

// Bounds of a configuration: beyond them one process is not enough for other reasons.
const (
	maxClusters = 100_000
	maxHosts    = 1_000_000 // of all clusters
)

func (d *decoder) clusters(n *yaml.Node, c *Config) {
	if n.Kind == yaml.SequenceNode && len(n.Content) > maxClusters {
		d.faultf(n, "clusters", "%d clusters are not at most %d", len(n.Content), maxClusters)
		return
	}
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

// cluster reads one cluster. What is missing has no place but the cluster's own.
func (d *decoder) cluster(n *yaml.Node, path string, policy health.Policy) Cluster {
	c := Cluster{Policy: policy, Sensors: DefaultSensors(), Fallback: FallbackNone}
	var own *yaml.Node
	named, hosts := false, false
	name := d.text(&c.Name, 1, maxName)
	if !d.object(n, path, map[string]field{
		"name":         func(n *yaml.Node, path string) { named = true; name(n, path) },
		"service_name": d.text(&c.ServiceName, 0, maxName),
		"hosts":        func(n *yaml.Node, path string) { hosts = true; c.Hosts = d.targets(n, path) },
		"policy":       func(n *yaml.Node, _ string) { own = n },
		"sensors":      d.sensors(&c.Sensors),
		"fallback":     word(d, &c.Fallback, FallbackNone, FallbackAggregate),
	}) {
		return c
	}
	c.ServiceName = cmp.Or(c.ServiceName, c.Name)
	if !named {
		d.faultf(n, path+".name", "is missing: Envoy's name of the cluster")
	}
	if !hosts {
		d.faultf(n, path+".hosts", noHosts)
	}
	if own != nil { // it starts from the root's
		d.policy(own, path+".policy", &c.Policy)
	}
	d.checkSensors(n, path, &c)
	return c
}

const noHosts = "is empty: a cluster without hosts would answer nothing but 503"

func (d *decoder) targets(n *yaml.Node, path string) []Target {
	if n.Kind == yaml.SequenceNode && len(n.Content) == 0 || isEmpty(n) {
		d.faultf(n, path, noHosts)
		return nil
	}
	d.hosts += len(n.Content)
	if d.hosts > maxHosts {
		d.faultf(n, path, "brings the hosts of all clusters to %d, which is not at most %d", d.hosts, maxHosts)
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
