package upstream_test

import (
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/envoy-passive-health/passive-health/envoy/envoytest"
	"github.com/envoy-passive-health/passive-health/envoy/upstream"
)

// A real gRPC client, through Envoy and without it, must read each behaviour as what it is called.
func TestGRPCBehaviours(t *testing.T) {
	host := envoytest.StartGRPCHost(t)
	e := startFor(t, host.Addr(), http2)
	direct, through := dial(t, host.Addr()), dial(t, e.Address())
	for _, test := range []struct {
		name            string
		behaviour       upstream.GRPCBehaviour
		direct, through codes.Code
	}{
		{"OK", upstream.GRPCBehaviour{}, codes.OK, codes.OK},
		{
			"in trailers",
			upstream.GRPCBehaviour{Place: upstream.InTrailers, Code: codes.Unavailable},
			codes.Unavailable, codes.Unavailable,
		},
		{
			"trailers only",
			upstream.GRPCBehaviour{Place: upstream.TrailersOnly, Code: codes.NotFound},
			codes.NotFound, codes.NotFound,
		},
		// Envoy answers for the host, with its 503.
		{"reset before", upstream.GRPCBehaviour{Place: upstream.ResetBefore}, codes.Internal, codes.Unavailable},
		{"reset after", upstream.GRPCBehaviour{Place: upstream.ResetAfter}, codes.Internal, codes.Internal},
	} {
		t.Run(test.name, func(t *testing.T) {
			host.Set(test.behaviour)
			if got := call(t, direct); got != test.direct {
				t.Errorf("direct: %v, want %v", got, test.direct)
			}
			if got := call(t, through); got != test.through {
				t.Errorf("through Envoy: %v, want %v", got, test.through)
			}
		})
	}
	if got := host.Total(); got != 10 {
		t.Errorf("the host counted %d calls, want 10", got)
	}
}

// A trailers-only answer has its status in the headers, where an errors-only filter finds it.
func TestTrailersOnlyIsInTheHeaders(t *testing.T) {
	host := envoytest.StartGRPCHost(t)
	host.Set(upstream.GRPCBehaviour{Place: upstream.TrailersOnly, Code: codes.Unavailable})
	e := startFor(t, host.Addr(), http2)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, e.URL+"/test.Test/Call", strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/grpc")
	if got := envoytest.Do(t, request).Header.Get("Grpc-Status"); got != "14" {
		t.Errorf("grpc-status %q, want 14", got)
	}
}

func dial(t *testing.T, address string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return conn
}

func call(t *testing.T, conn *grpc.ClientConn) codes.Code {
	t.Helper()
	return status.Code(conn.Invoke(t.Context(), "/test.Test/Call", &emptypb.Empty{}, &emptypb.Empty{}))
}
