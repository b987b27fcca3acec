package adapt

import (
	"fmt"

	"go.yaml.in/yaml/v4"
)

// What the two clusters behind an aggregate are called, after the user's name for the cluster.
const (
	markedSuffix   = "-marked"
	fallbackSuffix = "-fallback"
)

// aggregate keeps the user's name for two clusters: the one with marks, and the original for when that has no hosts.
const aggregate = `name: %s # the hosts that passive-health knows, and while it knows none the original ones
connect_timeout: 1s
lb_policy: CLUSTER_PROVIDED
cluster_type:
  name: envoy.clusters.aggregate
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig
    clusters: [%s, %s]`

// move takes a cluster to EDS.
func (a *adaption) move(c chosen) error {
	if a.options.Fallback == FallbackAggregate {
		return a.wrap(c)
	}
	return a.toEDS(c)
}

// toEDS writes the edits that make a cluster take its hosts from the service.
func (a *adaption) toEDS(c chosen) error {
	eds, err := a.kit.eds.with(c.name, "eds_cluster_config", "service_name")
	if err != nil {
		return err
	}
	if _, kind := field(c.node, "type"); kind != nil {
		a.doc.replaceScalar(kind, "EDS")
	} else {
		a.doc.appendEntry(c.node, piece{"type: EDS", entry("type", "EDS")})
	}
	key, assignment := field(c.node, "load_assignment")
	a.doc.replaceEntry(c.node, key, assignment, eds)
	a.mergeAtOnce(c)
	a.seeTries(c)
	return nil
}

// mergeAtOnce sets update_merge_window, unless the user has.
func (a *adaption) mergeAtOnce(c chosen) {
	key, common := field(c.node, "common_lb_config")
	switch window := get(common, "update_merge_window"); {
	case key == nil:
		a.doc.appendEntry(c.node, a.kit.merge)
	case isNull(common):
		a.doc.replaceEntry(c.node, key, common, a.kit.merge)
	case common.Kind != yaml.MappingNode:
		a.notef(common, "cluster %q: update_merge_window is yours to add where *%s is defined", c.name, common.Value)
	case window == nil:
		a.doc.appendEntry(common, a.kit.mergeWindow)
	case window.Value != "0s":
		a.notef(window, "cluster %q: update_merge_window %s kept: up to Envoy 1.39 it delays marks", c.name, window.Value)
	}
}

// wrap puts an aggregate with the cluster's name, and a copy of the cluster on EDS, before the cluster, which becomes
// the fallback.
func (a *adaption) wrap(c chosen) error {
	marked, fallback := c.name+markedSuffix, c.name+fallbackSuffix
	top, err := newPiece(fmt.Sprintf(aggregate, scalar(c.name, false), scalar(marked, false), scalar(fallback, false)))
	if err != nil {
		return err
	}
	twin, err := a.copyOnEDS(c)
	if err != nil {
		return err
	}
	if twin, err = twin.with(marked, "name"); err != nil {
		return err
	}
	a.doc.insertItem(a.clusters(), c.node, []piece{top, twin})
	_, name := field(c.node, "name")
	a.doc.replaceScalar(name, fallback)
	return nil
}

// copyOnEDS returns a copy of the cluster on EDS, and leaves the cluster as it is.
func (a *adaption) copyOnEDS(c chosen) (piece, error) {
	edits, changes := a.doc.edits, a.doc.changes
	a.doc.edits, a.doc.changes = nil, nil
	err := a.toEDS(c)
	made := a.doc.edits
	a.doc.edits, a.doc.changes = edits, changes
	if err != nil {
		return piece{}, err
	}
	from, to := a.doc.offset(c.node), a.doc.end(c.node)
	if c.node.Style&yaml.FlowStyle == 0 {
		to = a.doc.lineEnd(to)
	}
	return a.doc.dedent(from, apply(a.doc.text, made, from, to))
}

// entry builds a mapping of one entry.
func entry(key, value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Content: []*yaml.Node{
		{Kind: yaml.ScalarNode, Tag: "!!str", Value: key}, {Kind: yaml.ScalarNode, Tag: "!!str", Value: value},
	}}
}
