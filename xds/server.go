package xds

import (
	"context"
	"log/slog"
	"sync"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	endpointservicev3 "github.com/envoyproxy/go-control-plane/envoy/service/endpoint/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/delta/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/sotw/v3"
	"google.golang.org/grpc"
)

// Options configure a Server.
type Options struct {
	Logger *slog.Logger // required

	// VersionPrefix begins every SotW version. It should differ in each run of the process, so that no version of an
	// earlier run can be taken for one of this run.
	VersionPrefix string

	MaxNodes int     // how many proxies are tracked at a time; 0 means 10,000. Others are served, but not tracked.
	Watch    Watcher // nil for nobody
}

const defaultMaxNodes = 10_000

// Server publishes endpoints over EDS and knows which proxy has which. Its methods may be called by anyone at any time.
type Server struct {
	cache   *cache.LinearCache
	sotw    sotw.Server
	delta   delta.Server
	proxies *proxies

	mu        sync.Mutex // guards the rest; never taken by a stream, so a long publish stalls no proxy's ACK
	clusters  map[string]Cluster
	owners    map[string]string // service name to cluster name
	published map[string]*published
	faults    uint64
}

// New returns a Server that has nothing to say until Publish: register it with a listener only after that, or a proxy
// that starts meanwhile learns that it has no hosts. The end of ctx ends every stream: end it before
// grpc.Server.GracefulStop, which otherwise waits for the proxies for ever. A proxy that has stopped reading still holds
// its stream until grpc.Server.Stop.
func New(ctx context.Context, o Options) *Server {
	// No logger for the cache: it would write each watch's whole subscription.
	endpoints := cache.NewLinearCache(resource.EndpointType, cache.WithVersionPrefix(o.VersionPrefix))
	return &Server{
		cache: endpoints,
		// An empty request asks for nothing: gRPC's clients mean that, and no Envoy wants every cluster.
		sotw:      sotw.NewServer(ctx, endpoints, nil, sotw.DeactivateLegacyWildcard()),
		delta:     delta.NewServer(ctx, endpoints, nil, delta.DeactivateLegacyWildcard()),
		proxies:   newProxies(o),
		clusters:  make(map[string]Cluster),
		owners:    make(map[string]string),
		published: make(map[string]*published),
	}
}

// Register adds EDS and ADS to a gRPC server. Both serve endpoints only: a stream that asks for another type is ended
// with an error that says so.
func (s *Server) Register(r grpc.ServiceRegistrar) {
	endpointservicev3.RegisterEndpointDiscoveryServiceServer(r, &endpointService{server: s})
	discoveryv3.RegisterAggregatedDiscoveryServiceServer(r, &aggregatedService{server: s})
}

// endpointService is EDS on its own. Fetching by REST is left unimplemented.
type endpointService struct {
	endpointservicev3.UnimplementedEndpointDiscoveryServiceServer
	server *Server
}

// StreamEndpoints serves SotW EDS.
func (e *endpointService) StreamEndpoints(stream endpointservicev3.EndpointDiscoveryService_StreamEndpointsServer) error {
	return e.server.serveSotW(stream, resource.EndpointType)
}

// DeltaEndpoints serves delta EDS.
func (e *endpointService) DeltaEndpoints(stream endpointservicev3.EndpointDiscoveryService_DeltaEndpointsServer) error {
	return e.server.serveDelta(stream, resource.EndpointType)
}

// aggregatedService is EDS inside ADS.
type aggregatedService struct {
	discoveryv3.UnimplementedAggregatedDiscoveryServiceServer
	server *Server
}

// StreamAggregatedResources serves SotW ADS.
func (a *aggregatedService) StreamAggregatedResources(stream discoveryv3.AggregatedDiscoveryService_StreamAggregatedResourcesServer) error {
	return a.server.serveSotW(stream, resource.AnyType)
}

// DeltaAggregatedResources serves delta ADS.
func (a *aggregatedService) DeltaAggregatedResources(stream discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesServer) error {
	return a.server.serveDelta(stream, resource.AnyType)
}
