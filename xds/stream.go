package xds

import (
	"context"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/stream/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/encoding/protowire"
)

func (s *Server) serveSotW(stream stream.Stream, typeURL string) error {
	session := s.proxies.open(peerAddress(stream.Context()))
	defer s.proxies.close(session)
	return s.sotw.StreamHandler(&sotwStream{Stream: stream, proxies: s.proxies, session: session}, typeURL)
}

func (s *Server) serveDelta(stream stream.DeltaStream, typeURL string) error {
	session := s.proxies.open(peerAddress(stream.Context()))
	defer s.proxies.close(session)
	return s.delta.DeltaStreamHandler(&deltaStream{DeltaStream: stream, proxies: s.proxies, session: session}, typeURL)
}

func peerAddress(ctx context.Context) string {
	if p, ok := peer.FromContext(ctx); ok {
		return p.Addr.String()
	}
	return ""
}

// response is what both protocols' responses have in common.
type response struct {
	nonce     string
	version   string
	resources []resourceVersion
	removed   []string
}

// sotwStream notes what passes on a SotW stream. It carries one resource type, so one nonce and one version.
type sotwStream struct {
	stream.Stream
	proxies *proxies
	session *session
}

// Send passes a response on.
func (s *sotwStream) Send(r *discoveryv3.DiscoveryResponse) error {
	sent := response{nonce: r.GetNonce(), version: r.GetVersionInfo()}
	for _, resource := range r.GetResources() {
		name := assignmentName(resource.GetValue())
		sent.resources = append(sent.resources, resourceVersion{name: name, version: r.GetVersionInfo()})
	}
	s.proxies.sent(s.session, sent)
	return s.Stream.Send(r)
}

// Recv passes a request on. Once something was sent on this stream, the request is made to name that version, whatever
// it said: a client that refuses a version names the one before, or none, and the cache would answer that at once with
// an empty response, to be refused in turn, without an end. So a refused version waits here for the next one. Nothing is
// lost, since the cache knows from the subscription what was sent on the stream.
func (s *sotwStream) Recv() (*discoveryv3.DiscoveryRequest, error) {
	r, err := s.Stream.Recv()
	if err != nil {
		return nil, err
	}
	s.proxies.join(s.session, r.GetNode())
	s.proxies.answered(s.session, r.GetResponseNonce(), r.GetErrorDetail())
	subscribed := nameSet(r.GetResourceNames())
	s.proxies.edit(s.session, func(x *session) {
		if !subscribed[wildcard] {
			x.keepOnly(subscribed)
		}
		if x.version != "" {
			r.VersionInfo = x.version
		}
	})
	return r, nil
}

// wildcard is the name that subscribes to everything.
const wildcard = "*"

func nameSet(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}

// deltaStream notes what passes on a delta stream.
type deltaStream struct {
	stream.DeltaStream
	proxies *proxies
	session *session
}

// Send passes a response on.
func (d *deltaStream) Send(r *discoveryv3.DeltaDiscoveryResponse) error {
	sent := response{nonce: r.GetNonce(), version: r.GetSystemVersionInfo(), removed: r.GetRemovedResources()}
	for _, resource := range r.GetResources() {
		sent.resources = append(sent.resources, resourceVersion{name: resource.GetName(), version: resource.GetVersion()})
	}
	d.proxies.sent(d.session, sent)
	return d.DeltaStream.Send(r)
}

// Recv passes a request on. A refused version needs no care here: the cache has noted what it sent, and sends it again
// only when it has changed.
func (d *deltaStream) Recv() (*discoveryv3.DeltaDiscoveryRequest, error) {
	r, err := d.DeltaStream.Recv()
	if err != nil {
		return nil, err
	}
	d.proxies.join(d.session, r.GetNode())
	d.proxies.answered(d.session, r.GetResponseNonce(), r.GetErrorDetail())
	d.proxies.edit(d.session, func(x *session) {
		x.forget(r.GetResourceNamesUnsubscribe())
		for _, name := range r.GetResourceNamesSubscribe() {
			if version, has := r.GetInitialResourceVersions()[name]; has {
				x.acked[name] = version
			}
		}
	})
	return r, nil
}

// answered sorts a request with a nonce into ACK and NACK. One without a nonce answers nothing.
func (p *proxies) answered(x *session, nonce string, refusal *status.Status) {
	switch {
	case nonce == "":
	case refusal != nil:
		p.nacked(x, nonce, refusal.GetMessage())
	default:
		p.acked(x, nonce)
	}
}

// assignmentName reads cluster_name, field 1, from an encoded CLA. The cache encodes deterministically, so it comes first,
// and the hosts need not be decoded.
func assignmentName(cla []byte) string {
	_, _, n := protowire.ConsumeTag(cla)
	if n < 0 {
		return ""
	}
	name, _ := protowire.ConsumeString(cla[n:])
	return name
}
