package health

import (
	"net/netip"
	"testing"
	"time"
)

// start is the instant at which every test begins; instants in tables are offsets from it.
var start = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// plain is the policy of the first rules alone: no probation, no jitter, no caps.
func plain() Policy {
	p := DefaultPolicy()
	p.ProbationWeights = nil
	p.RecoveryJitter = 0
	p.RecoveryTimeMax = p.RecoveryTime
	p.MaxEjectionPercent = 100
	p.MinHealthyHosts = 0
	return p
}

// fleet is a tracker of one cluster "web" with hosts 10.0.0.1:80, 10.0.0.2:80, ...
type fleet struct {
	*Tracker
	t *testing.T
}

func newFleet(t *testing.T, hosts int, p Policy) fleet {
	t.Helper()
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	f := fleet{NewTracker(), t}
	f.SetClusters(start, []Cluster{{Name: "web", Policy: p, Members: members(hosts)}})
	return f
}

func members(n int) []Member {
	all := make([]Member, n)
	for i := range all {
		all[i] = Member{Address: address(i + 1), Weight: 100}
	}
	return all
}

func address(n int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}), 80)
}

func web(n int) Host { return Host{Cluster: "web", Address: address(n)} }

// answer records count responses of host n with the given status.
func (f fleet) answer(at time.Duration, n, status, count int) {
	for range count {
		f.Record(start.Add(at), Observation{Host: web(n), Reporter: "envoy-a", Status: status})
	}
}

func (f fleet) host(at time.Duration, n int) HostSnapshot {
	f.t.Helper()
	s, ok := f.Snapshot(start.Add(at), "web")
	if !ok {
		f.t.Fatal("no cluster web")
	}
	for _, h := range s.Hosts {
		if h.Host == web(n) {
			return h
		}
	}
	f.t.Fatalf("no host %v", web(n))
	return HostSnapshot{}
}

// wantVerdict lets time pass up to at and compares the verdict on host n.
func (f fleet) wantVerdict(at time.Duration, n int, want State) {
	f.t.Helper()
	f.Advance(start.Add(at))
	if got := f.host(at, n).Verdict; got != want {
		f.t.Errorf("at %v host %d is %v, want %v", at, n, got, want)
	}
}
