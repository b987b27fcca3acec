package main

import (
	"github.com/envoy-passive-health/passive-health/cmd/passive-health/config"
	"github.com/envoy-passive-health/passive-health/cmd/passive-health/resolve"
	"github.com/envoy-passive-health/passive-health/health"
	"github.com/envoy-passive-health/passive-health/xds"
)

// spillWhenAllOut is the overprovisioning factor with which an aggregate cluster uses its fallback only when every host
// here is out. Envoy's default would send a tenth of the traffic there, to ejected hosts, with half of them out.
const spillWhenAllOut = 1000

// tracked is the configuration as the rules see it, names resolved.
func tracked(c *config.Config, r *resolve.Resolver) []health.Cluster {
	clusters := make([]health.Cluster, len(c.Clusters))
	for i := range c.Clusters {
		cluster := &c.Clusters[i]
		clusters[i] = health.Cluster{Name: cluster.Name, Policy: cluster.Policy, Members: r.Members(cluster.Name)}
	}
	return clusters
}

// reporting are the clusters whose load reports are wanted.
func reporting(c *config.Config, clusters []health.Cluster) []health.Cluster {
	var wanted []health.Cluster
	for i := range c.Clusters {
		if c.Clusters[i].Has(config.SensorLoadReports) {
			wanted = append(wanted, clusters[i])
		}
	}
	return wanted
}

// actuated is the configuration as the actuator sees it.
func actuated(c *config.Config) []xds.Cluster {
	clusters := make([]xds.Cluster, len(c.Clusters))
	for i := range c.Clusters {
		cluster := &c.Clusters[i]
		clusters[i] = xds.Cluster{Name: cluster.Name, ServiceName: cluster.ServiceName}
		if cluster.Fallback == config.FallbackAggregate {
			clusters[i].OverprovisioningFactor = spillWhenAllOut
		}
	}
	return clusters
}
