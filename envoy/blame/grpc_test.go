package blame_test

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/envoy-passive-health/passive-health/envoy"
	"github.com/envoy-passive-health/passive-health/envoy/envoytest"
	"github.com/envoy-passive-health/passive-health/envoy/upstream"
)

// grpcFailures are the places where a gRPC host's failure may stand. Those that the headers' filter cannot see, and those
// that no filter can, are for the load reports.
var grpcFailures = []struct {
	name   string
	fail   upstream.GRPCBehaviour
	atOnce map[envoy.Sample]bool
}{
	{
		"in trailers",
		upstream.GRPCBehaviour{Place: upstream.InTrailers, Code: codes.Unavailable},
		map[envoy.Sample]bool{envoy.GRPC: true},
	},
	{
		"trailers only",
		upstream.GRPCBehaviour{Place: upstream.TrailersOnly, Code: codes.Unavailable},
		map[envoy.Sample]bool{envoy.ErrorsOnly: true, envoy.GRPC: true},
	},
	{
		"reset before the headers",
		upstream.GRPCBehaviour{Place: upstream.ResetBefore},
		map[envoy.Sample]bool{envoy.ErrorsOnly: true, envoy.GRPC: true},
	},
	{"reset after the headers", upstream.GRPCBehaviour{Place: upstream.ResetAfter}, nil},
}

// A gRPC host that fails is ejected wherever it says so, or does not: at once where a filter sees it, with the load
// reports otherwise.
func TestFailingGRPCHostIsEjected(t *testing.T) {
	for _, s := range []envoy.Sample{envoy.ErrorsOnly, envoy.GRPC} {
		for _, test := range grpcFailures {
			t.Run(string(s)+"/"+test.name, func(t *testing.T) {
				interval := ""
				if test.atOnce[s] {
					interval = notByReports
				}
				assertWithin(t, hiddenWithin, func() time.Duration { return ejectGRPC(t, s, interval, test.fail) })
			})
		}
	}
}

// ejectGRPC returns how long after its fifth failure a host was out.
func ejectGRPC(t *testing.T, s envoy.Sample, interval string, fail upstream.GRPCBehaviour) time.Duration {
	t.Helper()
	r, hosts := startGRPCRig(t, s, setup{interval: interval})
	hosts[0].Set(fail)
	begin := r.callUntil(t, func() bool { return hosts[0].Total() >= 5 })
	took := r.awaitEjected(t, hosts[0].Addr(), begin)
	if got := r.service.HostState(t, web, hosts[0].Addr()).TotalErrors; got != 5 {
		t.Errorf("five failures were charged %d times", got)
	}
	r.assertOthersIn(t, hosts[0].Addr())
	return took
}

// NOT_FOUND is an answer. A host that gives it to one call of twenty is well.
func TestGRPCHostsOwnAnswersAreNotCharged(t *testing.T) {
	t.Parallel()
	const calls, every = 200, 20
	for _, s := range []envoy.Sample{envoy.ErrorsOnly, envoy.GRPC} {
		for place, where := range map[upstream.Place]string{upstream.InTrailers: "in trailers", upstream.TrailersOnly: "trailers only"} {
			t.Run(string(s)+"/"+where, func(t *testing.T) {
				t.Parallel()
				r, hosts := startGRPCRig(t, s, setup{interval: "200ms"})
				conn := dial(t, r.envoy.Address())
				found := map[codes.Code]int{}
				for n := range calls {
					behaviour := upstream.GRPCBehaviour{}
					if n%every == 0 {
						behaviour = upstream.GRPCBehaviour{Place: place, Code: codes.NotFound}
					}
					for _, host := range hosts {
						host.Set(behaviour)
					}
					found[call(t, conn)]++
				}
				if found[codes.NotFound] != calls/every || found[codes.OK] != calls-calls/every {
					t.Fatalf("clients got %v", found)
				}
				r.settle(t)
				for _, host := range r.service.Hosts(t, web) {
					if host.Published != "HEALTHY" || host.TotalErrors != 0 {
						t.Errorf("a host that is well: %+v", host)
					}
				}
			})
		}
	}
}

func startGRPCRig(t *testing.T, s envoy.Sample, o setup) (*rig, []*upstream.GRPCHost) {
	t.Helper()
	hosts := []*upstream.GRPCHost{envoytest.StartGRPCHost(t), envoytest.StartGRPCHost(t), envoytest.StartGRPCHost(t)}
	o.edit = func(t *testing.T, b bootstrap) {
		t.Helper()
		b.web()["typed_extension_protocol_options"] = parse[map[string]any](t, overHTTP2)
	}
	return startRig(t, s, o, hosts[0].Addr(), hosts[1].Addr(), hosts[2].Addr()), hosts
}

// callUntil sends calls, one after another, until enough says so, and returns when that was.
func (r *rig) callUntil(t *testing.T, enough func() bool) time.Time {
	t.Helper()
	conn := dial(t, r.envoy.Address())
	for deadline := time.Now().Add(patience); !enough(); {
		call(t, conn)
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: enough calls", patience)
		}
	}
	return time.Now()
}

func dial(t *testing.T, address string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // a test may have closed it
	return conn
}

func call(t *testing.T, conn *grpc.ClientConn) codes.Code {
	t.Helper()
	return invoke(t, conn, "/test.Test/Call")
}

func invoke(t *testing.T, conn *grpc.ClientConn, method string) codes.Code {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return status.Code(conn.Invoke(ctx, method, &emptypb.Empty{}, &emptypb.Empty{}))
}
