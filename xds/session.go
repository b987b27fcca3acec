package xds

import (
	"maps"
	"slices"
	"time"
)

// session is what is known of one stream. Caller holds proxies.mu for all of it.
type session struct {
	address string
	node    string
	joined  bool // the first request came, or the stream ended before it
	tracked bool // counted in with its proxy

	version  string            // of the last response sent
	sent     map[string]string // version by service name
	acked    map[string]string // likewise
	pending  map[string]push   // sent and not answered; one for each service name, so that it stays bounded
	refused  map[string]bool   // the last answer was a NACK
	lastAck  time.Time
	lastNack Nack
}

// push is one response on its way.
type push struct {
	nonce   string
	version string
	at      time.Time
}

// resourceVersion is one resource within a response.
type resourceVersion struct{ name, version string }

func newSession(address string) *session {
	return &session{
		address: address,
		sent:    make(map[string]string),
		acked:   make(map[string]string),
		pending: make(map[string]push),
		refused: make(map[string]bool),
	}
}

func (x *session) send(r response, now time.Time) {
	x.version = r.version
	for _, each := range r.resources {
		x.sent[each.name] = each.version
		x.pending[each.name] = push{nonce: r.nonce, version: each.version, at: now}
	}
	x.forget(r.removed)
}

// answer takes what was sent with the nonce off the pending ones. A nonce that is not the latest answers nothing that
// a later push has replaced.
func (x *session) answer(nonce string) map[string]push {
	answered := make(map[string]push)
	for name, p := range x.pending {
		if p.nonce == nonce {
			answered[name] = p
			delete(x.pending, name)
		}
	}
	return answered
}

func (x *session) ack(answered map[string]push, now time.Time) {
	for name, p := range answered {
		x.acked[name] = p.version
		delete(x.refused, name)
	}
	if len(answered) > 0 {
		x.lastAck = now
	}
}

// nack keeps one of the names for show: a response is refused as a whole, and Envoy's text says which it was.
func (x *session) nack(answered map[string]push, text string, now time.Time) {
	for name := range answered {
		x.refused[name] = true
	}
	if len(answered) > 0 {
		x.lastNack = Nack{At: now, Text: text, ServiceName: slices.Min(slices.Collect(maps.Keys(answered)))}
	}
}

// forget drops what the proxy no longer subscribes to, or was told is gone.
func (x *session) forget(names []string) {
	for _, name := range names {
		delete(x.sent, name)
		delete(x.acked, name)
		delete(x.pending, name)
		delete(x.refused, name)
	}
}

// keepOnly forgets all but the given names.
func (x *session) keepOnly(names map[string]bool) {
	for name := range x.sent {
		if !names[name] {
			x.forget([]string{name})
		}
	}
}
