package xds

import (
	"cmp"
	"fmt"
	"maps"
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
)

// ProxyState says in one word whether a proxy has what it was sent.
type ProxyState string

// The states, the gravest first.
const (
	ProxyNacked     ProxyState = "nacked"      // it refused something and still has the state before
	ProxyNeverAcked ProxyState = "never_acked" // it has not confirmed anything yet
	ProxyStale      ProxyState = "stale"       // something sent to it is not confirmed
	ProxySynced     ProxyState = "synced"      // it confirmed all that it was sent
)

// Proxy is one connected proxy, whatever the number of its streams: Envoy opens one for each EDS cluster unless ADS
// carries them. Text that the proxy gave of itself is cut to 256 bytes.
type Proxy struct {
	Node         string // Envoy's node.id
	Cluster      string // Envoy's node.cluster
	EnvoyVersion string // such as 1.40.0; empty if it did not say
	Address      string // where its first stream comes from
	Streams      int

	// Sent and Acked are versions by EDS service name: the content's hash over delta, the version of the response over
	// SotW. What a proxy says it has when it comes back counts as acknowledged.
	Sent, Acked map[string]string

	State         ProxyState
	LastNack      Nack // zero if there was none
	LastAckAt     time.Time
	OldestUnacked time.Time // when the oldest unconfirmed push was sent; zero if there is none
}

// Nack is a refusal by a proxy.
type Nack struct {
	At          time.Time
	Text        string // the proxy's own, cut to 1 KiB
	ServiceName string // the refused resource; the first by name if the response had several
}

const (
	maxNodeText = 256
	maxNackText = 1024
)

// clip cuts what a proxy says to a length. Its result holds no part of the message that s came with.
func clip(s string, length int) string {
	return strings.ToValidUTF8(strings.Clone(s[:min(len(s), length)]), "")
}

func nodeID(n *corev3.Node) string { return clip(n.GetId(), maxNodeText) }

func newProxy(n *corev3.Node, address string) Proxy {
	return Proxy{
		Node:         nodeID(n),
		Cluster:      clip(n.GetCluster(), maxNodeText),
		EnvoyVersion: nodeVersion(n),
		Address:      address,
		Sent:         make(map[string]string),
		Acked:        make(map[string]string),
	}
}

func nodeVersion(n *corev3.Node) string {
	if v := n.GetUserAgentBuildVersion().GetVersion(); v != nil {
		return fmt.Sprintf("%d.%d.%d", v.GetMajorNumber(), v.GetMinorNumber(), v.GetPatch())
	}
	return clip(n.GetUserAgentVersion(), maxNodeText)
}

// add counts one of its streams in.
func (p *Proxy) add(x *session) {
	p.Streams++
	maps.Copy(p.Sent, x.sent)
	maps.Copy(p.Acked, x.acked)
	if x.lastAck.After(p.LastAckAt) {
		p.LastAckAt = x.lastAck
	}
	if x.lastNack.At.After(p.LastNack.At) {
		p.LastNack = x.lastNack
	}
	for _, sent := range x.pending {
		if p.OldestUnacked.IsZero() || sent.at.Before(p.OldestUnacked) {
			p.OldestUnacked = sent.at
		}
	}
	if len(x.refused) > 0 {
		p.State = ProxyNacked
	}
}

// settle decides the state when all streams are in.
func (p *Proxy) settle() {
	state := ProxySynced
	switch {
	case len(p.Acked) == 0 && p.LastAckAt.IsZero():
		state = ProxyNeverAcked
	case !p.OldestUnacked.IsZero():
		state = ProxyStale
	}
	p.State = cmp.Or(p.State, state)
}
