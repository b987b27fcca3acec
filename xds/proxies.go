package xds

import (
	"cmp"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
)

// proxies is the table of who is connected. The Watcher and the logger are called without its lock.
type proxies struct {
	logger *slog.Logger
	watch  Watcher
	max    int

	mu     sync.Mutex
	byNode map[string]*connected
	counts Stats // Pushes and Nacks hold only names that were published
}

// connected is one proxy and its streams.
type connected struct {
	proxy    Proxy // without what its streams say
	sessions map[*session]bool
}

func newProxies(o Options) *proxies {
	p := &proxies{
		logger: o.Logger,
		watch:  o.Watch,
		max:    cmp.Or(o.MaxNodes, defaultMaxNodes),
		byNode: make(map[string]*connected),
		counts: Stats{Pushes: make(map[string]uint64), Nacks: make(map[string]uint64)},
	}
	if p.watch == nil {
		p.watch = nobody{}
	}
	return p
}

// open begins a stream; its proxy is not known before the first request.
func (p *proxies) open(address string) *session {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts.Streams++
	return newSession(address)
}

// join puts a stream to its proxy on the stream's first request. Later ones need not repeat the node.
func (p *proxies) join(x *session, node *corev3.Node) {
	if p.track(x, node) {
		p.logger.Info("proxy connected", "event", "proxy.connected", "node", x.node, "address", x.address)
		p.watch.OnConnect(x.node)
	}
}

func (p *proxies) track(x *session, node *corev3.Node) (first bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if x.joined {
		return false
	}
	x.joined = true
	x.node = nodeID(node)
	c, known := p.byNode[x.node]
	if !known && len(p.byNode) >= p.max {
		p.counts.Untracked++
		return false
	}
	if !known {
		c = &connected{proxy: newProxy(node, x.address), sessions: make(map[*session]bool)}
		p.byNode[x.node] = c
	}
	x.tracked = true
	c.sessions[x] = true
	return !known
}

// close ends a stream. The proxy is gone with its last one.
func (p *proxies) close(x *session) {
	if p.untrack(x) {
		p.logger.Info("proxy gone", "event", "proxy.gone", "node", x.node, "address", x.address)
		p.watch.OnGone(x.node)
	}
}

func (p *proxies) untrack(x *session) (last bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts.Streams--
	x.joined = true // a request read at the very end must not bring the proxy back
	if !x.tracked {
		return false
	}
	c := p.byNode[x.node]
	delete(c.sessions, x)
	if len(c.sessions) > 0 {
		return false
	}
	delete(p.byNode, x.node)
	return true
}

// sent is told of a response right before it goes out.
func (p *proxies) sent(x *session, r response) {
	p.mu.Lock()
	defer p.mu.Unlock()
	x.send(r, time.Now())
	for _, each := range r.resources {
		p.counts.Pushes[each.name]++
	}
}

// acked is told of a request that confirms what was sent with its nonce.
func (p *proxies) acked(x *session, nonce string) {
	now := time.Now()
	p.mu.Lock()
	answered := x.answer(nonce)
	x.ack(answered, now)
	p.counts.Acks += uint64(len(answered))
	p.mu.Unlock()
	for name, push := range answered {
		p.watch.OnAck(x.node, name, push.version, now.Sub(push.at))
	}
}

// nacked is told of a request that refuses what was sent with its nonce. Only the first one of a push counts, so that
// a proxy cannot fill the log faster than it is sent anything.
func (p *proxies) nacked(x *session, nonce, text string) {
	text = clip(text, maxNackText)
	p.mu.Lock()
	answered := x.answer(nonce)
	x.nack(answered, text, time.Now())
	for name := range answered {
		p.counts.Nacks[name]++
	}
	p.mu.Unlock()
	for name, push := range answered {
		p.logger.Warn("proxy refused endpoints and keeps those it has", "event", "xds.nack",
			"node", x.node, "service_name", name, "version", push.version, "text", text)
		p.watch.OnNack(x.node, name, text)
	}
}

// edit changes a session under the lock.
func (p *proxies) edit(x *session, change func(*session)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(x)
}

// list returns the proxies, sorted by node.
func (p *proxies) list() []Proxy {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]Proxy, 0, len(p.byNode))
	for _, c := range p.byNode {
		all = append(all, c.view())
	}
	slices.SortFunc(all, func(a, b Proxy) int { return strings.Compare(a.Node, b.Node) })
	return all
}

func (c *connected) view() Proxy {
	view := c.proxy
	view.Sent, view.Acked = make(map[string]string), make(map[string]string)
	for x := range c.sessions {
		view.add(x)
	}
	view.settle()
	return view
}

func (p *proxies) stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.counts
	s.Pushes, s.Nacks = maps.Clone(s.Pushes), maps.Clone(s.Nacks)
	return s
}
