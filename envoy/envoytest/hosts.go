package envoytest

import (
	"testing"

	"github.com/envoy-passive-health/passive-health/envoy/upstream"
)

const freePort = "127.0.0.1:0"

// StartHost runs an HTTP host that answers 200 until it is told otherwise.
func StartHost(t testing.TB) *upstream.Host {
	t.Helper()
	host, err := upstream.Start(freePort)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(host.Stop)
	return host
}

// StartGRPCHost runs a gRPC host that answers OK until it is told otherwise.
func StartGRPCHost(t testing.TB) *upstream.GRPCHost {
	t.Helper()
	host, err := upstream.StartGRPC(freePort)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(host.Stop)
	return host
}

// StartHole opens an address to which no connection ever comes about.
func StartHole(t testing.TB) *upstream.Hole {
	t.Helper()
	hole, err := upstream.StartHole(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(hole.Stop)
	return hole
}

// Behave changes a host's behaviour, which is written as upstream.ParseBehaviour reads it: "503", "503,30%", "refuse".
func Behave(t testing.TB, host *upstream.Host, behaviour string) {
	t.Helper()
	b, err := upstream.ParseBehaviour(behaviour)
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Set(b); err != nil {
		t.Fatal(err)
	}
}

// StartHTTP2Host runs an HTTP/2 host that fails every request.
func StartHTTP2Host(t testing.TB) *upstream.HTTP2Host {
	t.Helper()
	host, err := upstream.StartHTTP2(freePort)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(host.Stop)
	return host
}
