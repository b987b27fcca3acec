package xds

import (
	"context"
	"slices"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	endpointservicev3 "github.com/envoyproxy/go-control-plane/envoy/service/endpoint/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
)

// client is one xDS stream of either protocol, as little as the tests need of it.
type client struct {
	t         *testing.T
	responses chan answer // closed at the end of the stream
	err       error       // the stream's end, once responses is closed
	cancel    context.CancelFunc

	delta discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesClient
	sotw  discoveryv3.AggregatedDiscoveryService_StreamAggregatedResourcesClient

	node  *corev3.Node
	names []string // SotW repeats them
	acked string   // SotW repeats the version it has
}

// answer is a response of either protocol.
type answer struct {
	nonce, version string
	said           []string // what each CLA says, sorted
	removed        []string
	versions       map[string]string // delta
}

// open starts a stream on an ADS or an EDS method; both have the same messages.
func open(t *testing.T, conn *grpc.ClientConn, node *corev3.Node, kind string) *client {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	c := &client{t: t, responses: make(chan answer, 100), node: node, cancel: cancel}
	var err error
	switch kind {
	case "delta":
		c.delta, err = endpointservicev3.NewEndpointDiscoveryServiceClient(conn).DeltaEndpoints(ctx)
	case "delta ADS":
		c.delta, err = discoveryv3.NewAggregatedDiscoveryServiceClient(conn).DeltaAggregatedResources(ctx)
	case "SotW":
		c.sotw, err = endpointservicev3.NewEndpointDiscoveryServiceClient(conn).StreamEndpoints(ctx)
	case "SotW ADS":
		c.sotw, err = discoveryv3.NewAggregatedDiscoveryServiceClient(conn).StreamAggregatedResources(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cancel)
	go c.read()
	return c
}

var kinds = []string{"delta", "delta ADS", "SotW", "SotW ADS"}

func (c *client) read() {
	defer close(c.responses)
	for {
		a, err := c.receive()
		if err != nil {
			c.err = err
			return
		}
		c.responses <- a
	}
}

func (c *client) receive() (answer, error) {
	if c.sotw != nil {
		r, err := c.sotw.Recv()
		a := answer{nonce: r.GetNonce(), version: r.GetVersionInfo()}
		for _, resource := range r.GetResources() {
			a.said = append(a.said, said(c.t, resource))
		}
		slices.Sort(a.said)
		return a, err
	}
	r, err := c.delta.Recv()
	a := answer{nonce: r.GetNonce(), version: r.GetSystemVersionInfo(), removed: r.GetRemovedResources(), versions: map[string]string{}}
	for _, resource := range r.GetResources() {
		a.said = append(a.said, said(c.t, resource.GetResource()))
		a.versions[resource.GetName()] = resource.GetVersion()
	}
	slices.Sort(a.said)
	return a, err
}

func (c *client) subscribe(names ...string) { c.request("", nil, nil, names...) }

// ack confirms an answer.
func (c *client) ack(a answer) {
	c.acked = a.version
	c.request(a.nonce, nil, nil)
}

// nack refuses an answer, as Envoy does: over SotW it names the version that it still has.
func (c *client) nack(a answer) { c.request(a.nonce, refusal, nil) }

func (c *client) request(nonce string, refused *status.Status, initial map[string]string, names ...string) {
	c.t.Helper()
	c.names = append(c.names, names...)
	var err error
	if c.sotw != nil {
		err = c.sotw.Send(&discoveryv3.DiscoveryRequest{
			Node: c.node, TypeUrl: resource.EndpointType, ResourceNames: c.names,
			VersionInfo: c.acked, ResponseNonce: nonce, ErrorDetail: refused,
		})
	} else {
		err = c.delta.Send(&discoveryv3.DeltaDiscoveryRequest{
			Node: c.node, TypeUrl: resource.EndpointType, ResourceNamesSubscribe: names,
			InitialResourceVersions: initial, ResponseNonce: nonce, ErrorDetail: refused,
		})
	}
	if err != nil {
		c.t.Fatalf("send: %v", err)
	}
	c.node = nil // like an Envoy with set_node_on_first_message_only
}

// next waits for the next response.
func (c *client) next() answer {
	c.t.Helper()
	select {
	case a, open := <-c.responses:
		if !open {
			c.t.Fatalf("stream ended: %v", c.err)
		}
		return a
	case <-time.After(10 * time.Second):
		c.t.Fatal("no response within 10s")
		return answer{}
	}
}

// wants waits for a response that says just this.
func (c *client) wants(says ...string) answer {
	c.t.Helper()
	a := c.next()
	if !slices.Equal(a.said, says) {
		c.t.Fatalf("response says %q, want %q", a.said, says)
	}
	return a
}

// wantsNothing says what came although nothing should have. Call it after synctest.Wait.
func (c *client) wantsNothing() {
	c.t.Helper()
	select {
	case a, open := <-c.responses:
		c.t.Fatalf("got a response %+v (stream open: %t, %v), want none", a, open, c.err)
	default:
	}
}

// unsubscribe gives a name up; over SotW, the nonce is still the last one's.
func (c *client) unsubscribe(name string, last answer) {
	c.t.Helper()
	c.names = slices.DeleteFunc(c.names, func(n string) bool { return n == name })
	if c.sotw != nil {
		c.request(last.nonce, nil, nil)
		return
	}
	r := &discoveryv3.DeltaDiscoveryRequest{TypeUrl: resource.EndpointType, ResourceNamesUnsubscribe: []string{name}}
	if err := c.delta.Send(r); err != nil {
		c.t.Fatalf("send: %v", err)
	}
}
