package adapt

import "go.yaml.in/yaml/v4"

// The fields of a cluster that lead to its upstream filters.
const (
	protocolOptions = "typed_extension_protocol_options"
	httpOptions     = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
)

// upstream is the sensor's part in a cluster: upstream filters, which see each try of a request. It comes as three
// entries, for clusters that have more or less of the way there. Most sensors have none.
type upstream struct{ protocol, http, filters piece }

// cutUpstream takes the upstream filters out of a shipped cluster.
func (d *document) cutUpstream(cluster, options *yaml.Node) (u upstream, err error) {
	if u.protocol, err = d.cutEntry(cluster, protocolOptions); err != nil {
		return u, err
	}
	if u.http, err = d.cutEntry(options, httpOptions); err != nil {
		return u, err
	}
	u.filters, err = d.cutEntry(get(options, httpOptions), "http_filters")
	return u, err
}

// ownProtocol are the deprecated fields that say what HttpProtocolOptions says; Envoy refuses both together.
var ownProtocol = []string{
	"http_protocol_options", "http2_protocol_options", "common_http_protocol_options", "upstream_http_protocol_options",
	"protocol_selection",
}

// seeTries puts the sensor among the cluster's upstream filters, for a sensor that has a part there.
func (a *adaption) seeTries(c chosen) {
	if a.kit.upstream.protocol.node == nil {
		return
	}
	_, options := field(c.node, protocolOptions)
	_, http := field(options, httpOptions)
	filters, _ := field(http, "http_filters")
	old := lost(c.node, ownProtocol)
	switch {
	case old != nil:
		a.notef(old.node, "cluster %q: no upstream filter added, as it has this old protocol option; use HttpProtocolOptions", c.name)
	case options == nil:
		a.doc.appendEntry(c.node, a.kit.upstream.protocol)
	case options.Kind != yaml.MappingNode, http != nil && http.Kind != yaml.MappingNode, filters != nil:
		a.notef(options, "cluster %q: no upstream filter added, as it has upstream filters, or an alias, of its own here", c.name)
	case http == nil:
		a.doc.appendEntry(options, a.kit.upstream.http)
	default:
		a.doc.appendEntry(http, a.kit.upstream.filters)
	}
}
