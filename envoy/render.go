package envoy

import (
	"fmt"
	"net"
	"strconv"
	"time"

	"go.yaml.in/yaml/v4"
)

// Params says where a sample is to run. A zero field leaves what is shipped. Addresses are "host:port"; port 0 lets
// the kernel choose a free one, which Process then tells.
type Params struct {
	NodeID   string // the Envoy's name among its fleet
	Admin    string // address of the admin interface
	Listener string // address of the listener
	ExtProc  string // address of the service's listen.ext_proc
	XDS      string // address of the service's listen.xds
	Cluster  string // name of the cluster whose hosts the service manages

	Timeout time.Duration // what the route gives a host to answer
}

// Places of the sample that Params names.
const (
	adminPlace    = "admin/address"
	listenerPlace = "static_resources/listeners/name=main/address"
	clusterPlace  = "static_resources/clusters/name=web"
	routePlace    = "static_resources/listeners/name=main/filter_chains/*/filters/*/typed_config/" +
		"route_config/virtual_hosts/*/routes/*/route"
	endpointPlace = "static_resources/clusters/name=%s/load_assignment/endpoints/*/lb_endpoints/*/endpoint/address"
)

// Render returns the sample with the places that p names changed, and every other byte as it is shipped. It fails
// when a place is not there exactly once, or an address is not "host:port".
func Render(s Sample, p Params) ([]byte, error) {
	source, err := s.YAML()
	if err != nil {
		return nil, err
	}
	var root yaml.Node
	if err := yaml.Load(source, &root); err != nil {
		return nil, fmt.Errorf("%s: %w", s, err)
	}
	edits, err := p.edits()
	if err != nil {
		return nil, err
	}
	rendered, err := apply(source, &root, edits)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s, err)
	}
	return rendered, nil
}

// edits lists the changes that p asks for.
func (p Params) edits() ([]edit, error) {
	var edits []edit
	if p.NodeID != "" {
		edits = append(edits, edit{"node/id", p.NodeID})
	}
	if p.Cluster != "" {
		edits = append(edits, edit{clusterPlace + "/name", p.Cluster}, edit{routePlace + "/cluster", p.Cluster},
			edit{clusterPlace + "/eds_cluster_config/service_name", p.Cluster})
	}
	if p.Timeout != 0 {
		seconds := strconv.FormatFloat(p.Timeout.Seconds(), 'f', -1, 64) + "s"
		edits = append(edits, edit{routePlace + "/timeout", seconds})
	}
	addresses, err := p.addressEdits()
	return append(edits, addresses...), err
}

// addressEdits lists the changes of addresses.
func (p Params) addressEdits() ([]edit, error) {
	var edits []edit
	for place, address := range map[string]string{
		adminPlace:    p.Admin,
		listenerPlace: p.Listener,
		fmt.Sprintf(endpointPlace, "passive_health"):     p.ExtProc,
		fmt.Sprintf(endpointPlace, "passive_health_xds"): p.XDS,
	} {
		if address == "" {
			continue
		}
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, fmt.Errorf("%s: %q is not host:port: %w", place, address, err)
		}
		edits = append(edits, edit{place + "/socket_address/address", host},
			edit{place + "/socket_address/port_value", port})
	}
	return edits, nil
}
