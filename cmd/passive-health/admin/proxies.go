package admin

import (
	"net/http"
	"time"

	"github.com/envoy-passive-health/passive-health/xds"
)

// proxy is one connected Envoy in the API's words.
type proxy struct {
	Node          string            `json:"node"`
	Cluster       string            `json:"cluster,omitempty"`
	EnvoyVersion  string            `json:"envoy_version,omitempty"`
	Address       string            `json:"address"`
	Streams       int               `json:"streams"`
	State         xds.ProxyState    `json:"state"`
	Sent          map[string]string `json:"sent"`  // version by EDS service name
	Acked         map[string]string `json:"acked"` // likewise
	LastAck       *time.Time        `json:"last_ack,omitempty"`
	OldestUnacked *time.Time        `json:"oldest_unacked,omitempty"`
	LastNack      *nack             `json:"last_nack,omitempty"`
}

type nack struct {
	At          time.Time `json:"at"`
	ServiceName string    `json:"service_name"`
	Text        string    `json:"text"`
}

func newProxy(p *xds.Proxy) proxy {
	out := proxy{
		Node: p.Node, Cluster: p.Cluster, EnvoyVersion: p.EnvoyVersion, Address: p.Address, Streams: p.Streams,
		State: p.State, Sent: p.Sent, Acked: p.Acked,
		LastAck: instant(p.LastAckAt), OldestUnacked: instant(p.OldestUnacked),
	}
	if !p.LastNack.At.IsZero() {
		out.LastNack = &nack{p.LastNack.At, p.LastNack.ServiceName, p.LastNack.Text}
	}
	return out
}

// proxies answers GET /api/v1/proxies.
func (h *handler) proxies(w http.ResponseWriter, _ *http.Request) {
	list := []proxy{}
	for _, p := range h.Proxies() {
		list = append(list, newProxy(&p))
	}
	writeJSON(w, http.StatusOK, map[string][]proxy{"proxies": list})
}
