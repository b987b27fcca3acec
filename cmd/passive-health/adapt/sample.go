package adapt

import (
	"go.yaml.in/yaml/v4"

	"github.com/envoy-passive-health/passive-health/envoy"
)

// The names of our two clusters, as the shipped configurations have them. They are how adapt knows its own pieces.
const (
	processorCluster = "passive_health"
	xdsCluster       = "passive_health_xds"
)

// Sensor says how Envoy reports responses.
type Sensor string

// The sensors; each is what the shipped configuration of that name has.
const (
	SensorDefault      Sensor = "default"       // only errors
	SensorAllResponses Sensor = "all-responses" // every response
	SensorRetries      Sensor = "retries"       // the errors of each try
	SensorGRPC         Sensor = "grpc"          // errors in gRPC trailers too
)

var samples = map[Sensor]envoy.Sample{
	SensorDefault: envoy.ErrorsOnly, SensorAllResponses: envoy.AllResponses,
	SensorRetries: "retries.yaml", SensorGRPC: "grpc.yaml",
}

// kit is what goes into a user's configuration, taken from a shipped one, so that there is one text of each.
type kit struct {
	node, nodeID, nodeCluster piece // entries
	clusterManager, loadStats piece // entries
	filters                   []piece
	processor, xds            piece // clusters
	eds, merge, mergeWindow   piece // entries of a cluster on EDS
	upstream                  upstream
}

// newKit takes the pieces of a shipped configuration, with the service at the address.
func newKit(name string, source []byte, address string) (*kit, error) {
	d, err := parse(name, source)
	if err != nil {
		return nil, err
	}
	k := &kit{}
	if err := k.cutFrom(d); err != nil {
		return nil, err
	}
	for _, cluster := range []*piece{&k.processor, &k.xds} {
		if *cluster, err = cluster.with(address, "load_assignment", "endpoints", "*", "lb_endpoints", "*", "endpoint",
			"address", "socket_address", "address"); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// cutFrom takes each piece from its place.
func (k *kit) cutFrom(d *document) error {
	web := byName(get(d.root, "static_resources", "clusters"), "web")
	manager := get(d.root, "cluster_manager")
	for _, entry := range []struct {
		piece   *piece
		mapping *yaml.Node
		name    string
	}{
		{&k.node, d.root, "node"},
		{&k.nodeID, get(d.root, "node"), "id"},
		{&k.nodeCluster, get(d.root, "node"), "cluster"},
		{&k.clusterManager, d.root, "cluster_manager"},
		{&k.loadStats, manager, "load_stats_config"},
		{&k.eds, web, "eds_cluster_config"},
		{&k.merge, web, "common_lb_config"},
		{&k.mergeWindow, get(web, "common_lb_config"), "update_merge_window"},
	} {
		var err error
		if *entry.piece, err = d.cutEntry(entry.mapping, entry.name); err != nil {
			return err
		}
	}
	if options := get(web, protocolOptions); options != nil {
		var err error
		if k.upstream, err = d.cutUpstream(web, options); err != nil {
			return err
		}
	}
	return k.cutItems(d)
}

// cutItems takes the pieces that are items: our clusters, and the filters that report to them.
func (k *kit) cutItems(d *document) (err error) {
	clusters := get(d.root, "static_resources", "clusters")
	if k.processor, err = d.cutItem(byName(clusters, processorCluster)); err != nil {
		return err
	}
	if k.xds, err = d.cutItem(byName(clusters, xdsCluster)); err != nil {
		return err
	}
	for manager := range managers(d.root) {
		for _, filter := range items(get(manager, "http_filters")) {
			if !names(filter, processorCluster) {
				continue
			}
			p, err := d.cutItem(filter)
			if err != nil {
				return err
			}
			k.filters = append(k.filters, p)
		}
	}
	return nil
}

// byName returns the item of a sequence that has the name, or an empty node.
func byName(sequence *yaml.Node, name string) *yaml.Node {
	for _, item := range items(sequence) {
		if text(item, "name") == name {
			return item
		}
	}
	return &yaml.Node{}
}
