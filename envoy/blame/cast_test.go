package blame_test

import (
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/envoy-passive-health/passive-health/envoy/envoytest"
	"github.com/envoy-passive-health/passive-health/envoy/upstream"
)

// cast is the hosts of one situation.
type cast struct {
	addresses []string
	total     func() int // requests that reached the first host

	retried   []*upstream.Host // hosts that behave well until one of them is chosen to fail
	bad, rest string           // how the chosen one then behaves, and the others
	guilty    string           // the address of the one that fails, if only one does
}

// starter starts the hosts of a situation.
type starter func(t *testing.T) *cast

func http(behaviour string) starter {
	return func(t *testing.T) *cast {
		t.Helper()
		host := envoytest.StartHost(t)
		envoytest.Behave(t, host, behaviour)
		return &cast{addresses: []string{host.Addr()}, guilty: host.Addr(), total: host.Total}
	}
}

func hole(t *testing.T) *cast {
	t.Helper()
	return &cast{addresses: []string{envoytest.StartHole(t).Addr()}}
}

func http2(failure upstream.HTTP2Failure) starter {
	return func(t *testing.T) *cast {
		t.Helper()
		host := envoytest.StartHTTP2Host(t)
		host.Set(failure)
		return &cast{addresses: []string{host.Addr()}}
	}
}

func grpcHost(place upstream.Place, code codes.Code) starter {
	return func(t *testing.T) *cast {
		t.Helper()
		host := envoytest.StartGRPCHost(t)
		host.Set(upstream.GRPCBehaviour{Place: place, Code: code})
		return &cast{addresses: []string{host.Addr()}}
	}
}

// retried starts three hosts on a route that retries. The one that comes first is to be bad.
func retried(bad, rest string) starter {
	return func(t *testing.T) *cast {
		t.Helper()
		hosts := startThree(t)
		return &cast{addresses: hosts.addresses(), retried: []*upstream.Host{hosts.bad, hosts.good, hosts.other}, bad: bad, rest: rest}
	}
}
