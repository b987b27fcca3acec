package admin

import (
	"net/http"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/api"
	"github.com/envoy-passive-health/passive-health/xds"
)

// newProxy says a proxy in the API's words.
func newProxy(p *xds.Proxy) api.Proxy {
	out := api.Proxy{
		Node: p.Node, Cluster: p.Cluster, EnvoyVersion: p.EnvoyVersion, Address: p.Address, Streams: p.Streams,
		State: p.State, Sent: p.Sent, Acked: p.Acked,
		LastAck: instant(p.LastAckAt), OldestUnacked: instant(p.OldestUnacked),
	}
	if !p.LastNack.At.IsZero() {
		out.LastNack = &api.Nack{At: p.LastNack.At, ServiceName: p.LastNack.ServiceName, Text: p.LastNack.Text}
	}
	return out
}

// proxies answers GET /api/v1/proxies.
func (h *handler) proxies(w http.ResponseWriter, _ *http.Request) {
	list := []api.Proxy{}
	for _, p := range h.Proxies() {
		list = append(list, newProxy(&p))
	}
	writeJSON(w, http.StatusOK, api.Proxies{Proxies: list})
}
