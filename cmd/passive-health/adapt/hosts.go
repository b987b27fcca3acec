package adapt

import (
	"fmt"
	"net"
	"strings"

	"go.yaml.in/yaml/v4"
)

// host is one host of a cluster as passive-health.yaml has it.
type host struct {
	address string // "host:port"; the host may be a name
	weight  string // empty where the cluster names none
	zone    string
}

// problem is a reason against moving a cluster, and where it stands.
type problem struct {
	node *yaml.Node
	text string
}

// losses are the fields that passive-health.yaml cannot hold, by where they stand. To move a cluster that has one would
// lose it.
var losses = struct{ assignment, locality, endpoint, host []string }{
	assignment: []string{"policy", "named_endpoints"},
	locality:   []string{"load_balancing_weight", "load_balancer_endpoints", "leds_cluster_locality_config", "proximity", "metadata"},
	endpoint:   []string{"metadata", "endpoint_name"},
	host:       []string{"hostname", "health_check_config", "additional_addresses"},
}

// hostsOf reads the hosts of a load assignment, or why they cannot be moved.
func hostsOf(assignment *yaml.Node) (hosts []host, against *problem) {
	if against := opaque(assignment); against != nil {
		return nil, against
	}
	if lost := lost(assignment, losses.assignment); lost != nil {
		return nil, lost
	}
	for _, locality := range items(get(assignment, "endpoints")) {
		zone, against := zoneOf(locality)
		if against != nil {
			return nil, against
		}
		for _, endpoint := range items(get(locality, "lb_endpoints")) {
			h, against := hostOf(endpoint)
			if against != nil {
				return nil, against
			}
			h.zone = zone
			hosts = append(hosts, h)
		}
	}
	if len(hosts) == 0 {
		return nil, &problem{assignment, "it has no hosts"}
	}
	return weighed(hosts), nil
}

// weighed makes Envoy's default weight of 1 explicit where other hosts of the cluster have weights.
func weighed(hosts []host) []host {
	explicit := false
	for _, h := range hosts {
		explicit = explicit || h.weight != ""
	}
	for i := range hosts {
		if explicit && hosts[i].weight == "" {
			hosts[i].weight = "1"
		}
	}
	return hosts
}

// zoneOf returns the zone of a locality.
func zoneOf(locality *yaml.Node) (zone string, against *problem) {
	if priority := get(locality, "priority"); priority != nil && priority.Value != "0" {
		return "", &problem{priority, "its localities have priorities, which passive-health does not carry"}
	}
	if lost := lost(get(locality, "locality"), []string{"region", "sub_zone"}); lost != nil {
		return "", lost
	}
	return text(locality, "locality", "zone"), lost(locality, losses.locality)
}

// hostOf reads one lb_endpoint.
func hostOf(endpoint *yaml.Node) (h host, against *problem) {
	if lost := lost(endpoint, losses.endpoint); lost != nil {
		return host{}, lost
	}
	if lost := lost(get(endpoint, "endpoint"), losses.host); lost != nil {
		return host{}, lost
	}
	switch status := get(endpoint, "health_status"); {
	case status == nil, strings.EqualFold(status.Value, "UNKNOWN"), strings.EqualFold(status.Value, "HEALTHY"):
	default:
		return host{}, &problem{status, fmt.Sprintf("a host has health_status %s, which would be lost", status.Value)}
	}
	address := get(endpoint, "endpoint", "address")
	socket := get(address, "socket_address")
	name, port := text(socket, "address"), text(socket, "port_value")
	if name == "" || port == "" {
		return host{}, &problem{endpoint, "a host has no address and port of its own (a pipe, an internal address or a named port)"}
	}
	if lost := lost(socket, []string{"resolver_name", "network_namespace_filepath"}); lost != nil {
		return host{}, lost
	}
	return host{address: net.JoinHostPort(name, port), weight: text(endpoint, "load_balancing_weight")}, nil
}

// lost returns the first of the fields that a mapping has.
func lost(n *yaml.Node, fields []string) *problem {
	for _, name := range fields {
		if key, _ := field(n, name); key != nil {
			return &problem{key, fmt.Sprintf("passive-health.yaml has no place for %s, which would be lost", name)}
		}
	}
	return nil
}

// opaque finds aliases, merge keys and anchors: what is written there belongs to other places too.
func opaque(n *yaml.Node) *problem {
	for node := range walk(n) {
		switch {
		case node.Kind == yaml.AliasNode:
			return &problem{node, "it is made of the alias *" + node.Value}
		case node.Anchor != "":
			return &problem{node, "other places may use its anchor &" + node.Anchor}
		case mergeKey(node) != nil:
			return &problem{mergeKey(node), "it has a merge key"}
		}
	}
	return nil
}
