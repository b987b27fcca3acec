package admin

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/journal"
	"github.com/envoy-passive-health/passive-health/health"
)

// stall opens n connections that ask for path and read no more than the answer's first byte.
func (s *site) stall(t testing.TB, n int, path string) {
	t.Helper()
	address := strings.TrimPrefix(s.URL, "http://")
	for range n {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n", path); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
}

// count counts an error of one of the hosts.
func (s *site) count(i int) {
	address := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i%4 + 1)}), 80)
	s.tracker.Record(time.Now(), health.Observation{
		Host: health.Host{Cluster: "web", Address: address}, Reporter: "envoy-a", Status: 503, Count: 1,
	})
}

// happen adds a large event.
func (s *site) happen() {
	s.journal.Add(journal.Event{At: time.Now(), Name: "host.ejected", Text: strings.Repeat("x", 1000)})
}

// TestStalledReadersHoldNobodyUp floods the journal beside clients that read nothing: far more than their sockets take.
func TestStalledReadersHoldNobodyUp(t *testing.T) {
	s := open(t)
	s.stall(t, 50, "/api/v1/events")
	s.stall(t, 50, "/metrics")
	begin := time.Now()
	const rounds = 100_000
	for i := range rounds {
		s.count(i)
		if i%100 == 0 {
			s.happen()
		}
	}
	if took := time.Since(begin); took > writeLimit/2 {
		t.Errorf("%d errors and %d events took %v beside stalled readers", rounds, rounds/100, took)
	}
	if got := s.call("GET", "/api/v1/hosts", "", nil); got != 200 {
		t.Errorf("beside them another reader gets %d", got)
	}
}

// BenchmarkBesideStalledReaders compares counting alone with counting beside stalled readers, in one run. A fleet in
// trouble makes 20 events a second all the while.
func BenchmarkBesideStalledReaders(b *testing.B) {
	for _, streams := range []int{0, 1000} {
		b.Run(fmt.Sprintf("streams=%d", streams), func(b *testing.B) {
			s := openTo(b, Access{})
			s.stall(b, streams, "/api/v1/events")
			s.stall(b, streams/10, "/metrics")
			ticks := time.NewTicker(time.Second / 20)
			defer ticks.Stop()
			for i := 0; b.Loop(); i++ {
				s.count(i)
				select {
				case <-ticks.C:
					s.happen()
				default:
				}
			}
		})
	}
}
