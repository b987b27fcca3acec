package main

import (
	"context"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
)

// Bounds of both gRPC servers. What a peer may hold open is bounded by us, not by what it sends.
const (
	maxStreams    = 10_000 // of one connection; the samples' breaker lets Envoy open as many
	maxHeaderList = 16 << 10
)

// door is one gRPC server with its listener and its health service.
type door struct {
	server *grpc.Server
	health *health.Server
}

func newDoor(register func(grpc.ServiceRegistrar), options ...grpc.ServerOption) door {
	d := door{health: health.NewServer()}
	d.server = grpc.NewServer(append(options,
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.MaxHeaderListSize(maxHeaderList),
		// Envoy is told to ping every 5 s; gRPC's own floor of 5 minutes would close its connections.
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Second, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
	)...)
	register(d.server)
	healthv1.RegisterHealthServer(d.server, d.health)
	return d
}

// setServing answers for the server as a whole and for each of its services.
func (d door) setServing() {
	for service := range d.server.GetServiceInfo() {
		d.health.SetServingStatus(service, healthv1.HealthCheckResponse_SERVING)
	}
}

// serve returns when the server was stopped.
func (d door) serve(l net.Listener) error { return d.server.Serve(l) }

// stop lets open streams end until ctx is done, and ends them then.
func (d door) stop(ctx context.Context) {
	defer context.AfterFunc(ctx, d.server.Stop)()
	d.server.GracefulStop()
}
