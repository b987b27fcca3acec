package adapt

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// choose returns the clusters to adapt, and notes why each other one is left alone.
func (a *adaption) choose() []chosen {
	var picked []chosen
	a.fetching, a.renaming = reliances(a.doc.root)
	routed, elsewhere := a.routed()
	if elsewhere != nil && len(a.options.Clusters) == 0 {
		a.notef(elsewhere, "not all routes are in this file: --cluster NAME takes a cluster that only other routes lead to")
	}
	for _, cluster := range items(a.clusters()) {
		name := text(cluster, "name")
		switch {
		case a.isOurs(cluster):
			a.present++
		case len(a.options.Clusters) > 0 && !slices.Contains(a.options.Clusters, name):
		case len(a.options.Clusters) == 0 && !routed[name]:
			a.notef(cluster, "cluster %q skipped: no route in this file leads to it (--cluster takes it all the same)", name)
		default:
			c, against := a.examine(cluster)
			if against != nil {
				a.notef(against.node, "cluster %q refused: %s", name, against.text)
				continue
			}
			if factor := scale(c.hosts); factor > 1 {
				a.notef(cluster, "cluster %q: its weights are multiplied by %d, so that a returning host can have a part of one", name, factor)
			}
			picked = append(picked, c)
		}
	}
	return picked
}

// chosen is a cluster to adapt.
type chosen struct {
	node  *yaml.Node
	name  string
	hosts []host
}

// routed returns the clusters that the routes of this file name, and a place where routes are said to be elsewhere.
func (a *adaption) routed() (clusters map[string]bool, elsewhere *yaml.Node) {
	clusters = make(map[string]bool)
	for n := range walk(get(a.doc.root, "static_resources")) {
		route := get(n, "route")
		clusters[text(route, "cluster")] = true
		for _, weighted := range items(get(route, "weighted_clusters", "clusters")) {
			clusters[text(weighted, "name")] = true
		}
		for _, name := range []string{
			"rds", "scoped_routes", "cluster_header", "cluster_specifier_plugin",
			"inline_cluster_specifier_plugin",
		} {
			if key, _ := field(n, name); key != nil {
				elsewhere = key
			}
		}
	}
	return clusters, elsewhere
}

// isOurs says that a cluster is one of the service, or has been adapted before.
func (a *adaption) isOurs(cluster *yaml.Node) bool {
	switch name := text(cluster, "name"); {
	case name == processorCluster, name == xdsCluster:
		return true
	case names(get(cluster, "eds_cluster_config"), xdsCluster):
		return true
	case get(cluster, "cluster_type") != nil:
		return names(get(byName(a.clusters(), name+markedSuffix), "eds_cluster_config"), xdsCluster)
	default:
		base, isFallback := strings.CutSuffix(name, fallbackSuffix)
		return isFallback && names(get(byName(a.clusters(), base+markedSuffix), "eds_cluster_config"), xdsCluster)
	}
}

// examine returns a cluster with its hosts, or why it cannot be adapted.
func (a *adaption) examine(cluster *yaml.Node) (c chosen, against *problem) {
	if cluster.Kind == yaml.AliasNode || cluster.Anchor != "" || mergeKey(cluster) != nil {
		return c, opaque(cluster)
	}
	if against := kindOf(cluster); against != nil {
		return c, against
	}
	key, assignment := field(cluster, "load_assignment")
	if key == nil {
		return c, &problem{cluster, "it has no load_assignment"}
	}
	c = chosen{node: cluster, name: text(cluster, "name")}
	if c.hosts, against = hostsOf(assignment); against != nil {
		return c, against
	}
	if err := a.fits(c); err != nil {
		return c, &problem{key, "its hosts do not fit into passive-health.yaml: " + err.Error()}
	}
	if a.options.ObserveOnly {
		return c, nil
	}
	return c, a.dependents(cluster)
}

// kindOf says why clusters of this kind cannot be adapted, nil for STATIC and STRICT_DNS.
func kindOf(cluster *yaml.Node) *problem {
	if text(cluster, "name") == "" {
		return &problem{cluster, "it has no name"}
	}
	if custom := get(cluster, "cluster_type"); custom != nil {
		return &problem{custom, fmt.Sprintf("it has the custom cluster_type %q", text(custom, "name"))}
	}
	_, kind := field(cluster, "type")
	switch {
	case kind == nil:
		return nil // STATIC is Envoy's default
	case kind.Kind != yaml.ScalarNode:
		return &problem{kind, "its type is an alias"}
	case strings.EqualFold(kind.Value, "STATIC"), strings.EqualFold(kind.Value, "STRICT_DNS"): // as Envoy reads enums
		return nil
	case strings.EqualFold(kind.Value, "EDS"):
		return &problem{kind, "its hosts come from another EDS server"}
	default:
		return &problem{kind, fmt.Sprintf("type %s finds its hosts itself; only STATIC and STRICT_DNS can become EDS", kind.Value)}
	}
}

// reliances returns, by cluster name, what in the file relies on a cluster's not being EDS.
func reliances(root *yaml.Node) (fetching, renaming map[string]*problem) {
	fetching, renaming = make(map[string]*problem), make(map[string]*problem)
	for n := range walk(root) {
		for _, source := range []string{"api_config_source", "ads_config", "load_stats_config", "hds_config"} {
			key, value := field(n, source)
			for name := range walk(value) {
				fetching[name.Value] = &problem{key, "this " + source + " uses it, and asks for a cluster with hosts of its own"}
			}
		}
		route := get(n, "route")
		if rewrite := get(route, "auto_host_rewrite"); rewrite != nil && rewrite.Value == "true" {
			for name := range walk(route) {
				renaming[name.Value] = &problem{rewrite, "this auto_host_rewrite needs its hosts' DNS names, which EDS hosts do not have"}
			}
		}
	}
	return fetching, renaming
}

// dependents says what would miss the cluster's hosts, or their names, if it were on EDS.
func (a *adaption) dependents(cluster *yaml.Node) *problem {
	name := text(cluster, "name")
	if against := a.fetching[name]; against != nil {
		return against
	}
	if !strings.EqualFold(text(cluster, "type"), "STRICT_DNS") {
		return nil
	}
	for n := range walk(cluster) {
		if sni := get(n, "auto_host_sni"); sni != nil && sni.Value == "true" {
			return &problem{sni, "auto_host_sni needs its hosts' DNS names, which EDS hosts do not have"}
		}
	}
	return a.renaming[name]
}
