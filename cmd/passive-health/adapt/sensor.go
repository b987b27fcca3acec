package adapt

import (
	"fmt"
	"iter"
	"strings"

	"go.yaml.in/yaml/v4"
)

// The types that a typed_config names with "@type".
const (
	managerType = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
	routerType  = "envoy.extensions.filters.http.router.v3.Router"
)

// managers yields the HTTP connection managers of a configuration's listeners: those of each filter chain, of default
// filter chains and of API listeners.
func managers(root *yaml.Node) iter.Seq[*yaml.Node] {
	return func(yield func(*yaml.Node) bool) {
		_, listeners := field(get(root, "static_resources"), "listeners")
		for n := range walk(listeners) {
			if strings.HasSuffix(text(n, "@type"), "/"+managerType) && !yield(n) {
				return
			}
		}
	}
}

// addSensors puts the filters before the router of each HTTP connection manager that has none of ours yet.
func (a *adaption) addSensors() error {
	fit := 0
	done := make(map[*yaml.Node]bool)
	for manager := range managers(a.doc.root) {
		filters := get(manager, "http_filters")
		if done[filters] || names(filters, processorCluster) {
			fit++
			continue
		}
		router, reason := routerOf(manager, filters)
		if reason != "" {
			a.notef(manager, "HTTP connection manager %q skipped: %s", text(manager, "stat_prefix"), reason)
			continue
		}
		done[filters] = true
		fit++
		a.doc.insertItem(filters, router, a.kit.filters)
	}
	if fit == 0 {
		return a.refuse(a.doc.root, "has no HTTP connection manager that can take the sensor: see the line of each")
	}
	return nil
}

// routerOf returns the router of a connection manager, its last HTTP filter, or why the sensor cannot stand before it.
func routerOf(manager, filters *yaml.Node) (router *yaml.Node, reason string) {
	all := items(filters)
	if len(all) == 0 {
		if key := mergeKey(manager); key != nil {
			return nil, fmt.Sprintf("its filters come through the merge key on line %d", key.Line)
		}
		return nil, "it has no http_filters"
	}
	last := all[len(all)-1]
	if text(last, "name") != "envoy.filters.http.router" &&
		!strings.HasSuffix(text(last, "typed_config", "@type"), "/"+routerType) {
		return nil, fmt.Sprintf("its last filter, on line %d, is no router", last.Line)
	}
	return last, ""
}
