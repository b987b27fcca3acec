package processor

import (
	"context"
	"runtime/debug"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// recoverStream keeps a panic in a stream's handler from ending the process. gRPC does not.
func (s *Server) recoverStream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = s.panicked(info.FullMethod, fault)
		}
	}()
	return next(srv, stream)
}

// recoverUnary is recoverStream for the other services' simple methods.
func (s *Server) recoverUnary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (resp any, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			resp, err = nil, s.panicked(info.FullMethod, fault)
		}
	}()
	return next(ctx, req)
}

// panicked counts and logs a panic, and returns how the call ends: well for ext_proc, where our error would be a
// failed request of somebody who did nothing wrong.
func (s *Server) panicked(method string, fault any) error {
	s.stats.panics.Add(1)
	s.options.Logger.Error("panic in a gRPC handler", "method", method, "panic", fault, "stack", string(debug.Stack()))
	if method == processMethod {
		return nil
	}
	return status.Error(codes.Internal, "internal error")
}
