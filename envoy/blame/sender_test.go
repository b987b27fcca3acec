package blame_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"strings"
	"testing"
	"time"

	"github.com/envoy-passive-health/passive-health/envoy/envoytest"
	"github.com/envoy-passive-health/passive-health/envoy/upstream"
)

// sender sends a situation's request and returns the status that the client got, 0 for none.
type sender func(t *testing.T, s *stage, c *cast, id string) int

// Requests are written by hand: net/http would mend some and send others again.

func plain(t *testing.T, s *stage, _ *cast, id string) int {
	t.Helper()
	return read(t, s.post(t, id, "Host: web"))
}

func fromGRPC(t *testing.T, s *stage, _ *cast, id string) int {
	t.Helper()
	return read(t, s.post(t, id, "Host: web", "Content-Type: application/grpc"))
}

func toNowhere(t *testing.T, s *stage, _ *cast, id string) int {
	t.Helper()
	return read(t, s.post(t, id, "Host: nowhere"))
}

func upgrade(t *testing.T, s *stage, _ *cast, id string) int {
	t.Helper()
	return read(t, s.post(t, id, "Host: web", "Connection: Upgrade", "Upgrade: websocket"))
}

func badEncoding(t *testing.T, s *stage, _ *cast, id string) int {
	t.Helper()
	return read(t, s.post(t, id, "Host: web", "Transfer-Encoding: unheard-of"))
}

// beside sends a request beside one that waits for its host.
func beside(t *testing.T, s *stage, c *cast, id string) (status int) {
	t.Helper()
	s.whileWaiting(t, c, id, func() { status = plain(t, s, c, id) })
	return status
}

// abort sends a request and goes away.
func abort(t *testing.T, s *stage, c *cast, id string) int {
	t.Helper()
	s.whileWaiting(t, c, id, func() {})
	return 0
}

func (s *stage) whileWaiting(t *testing.T, c *cast, id string, meanwhile func()) {
	t.Helper()
	waiting := s.post(t, id, "Host: web")
	envoytest.Until(t, patience, "the request reaches its host", func() bool { return c.total() == 1 })
	meanwhile()
	_ = waiting.Close()
	envoytest.Until(t, patience, "Envoy gives the request up", func() bool {
		return s.envoy.Stat(t, "cluster."+id+".upstream_rq_active") == 0
	})
}

// aimed makes the host fail that is next in turn, and sends it a request.
func aimed(t *testing.T, s *stage, c *cast, id string) int {
	t.Helper()
	var turn []*upstream.Host
	for range c.retried {
		turn = append(turn, s.next(t, c, id))
	}
	c.guilty = turn[0].Addr()
	envoytest.Behave(t, turn[0], c.bad)
	for _, host := range turn[1:] {
		envoytest.Behave(t, host, c.rest)
	}
	refusing := strings.Count(c.bad+" "+c.rest+" "+c.rest, "refuse")
	envoytest.Until(t, patience, "Envoy has seen who closed its port", func() bool {
		return s.envoy.Stat(t, "cluster."+id+".upstream_cx_active") == int64(len(turn)-refusing)
	})
	return plain(t, s, c, id)
}

// next sends a request that goes well, and returns the host that got it.
func (s *stage) next(t *testing.T, c *cast, id string) *upstream.Host {
	t.Helper()
	response := envoytest.Get(t, s.envoy.URL+"/"+id+"/")
	for _, host := range c.retried {
		if host.Addr() == response.Host {
			return host
		}
	}
	t.Fatalf("%s: %+v is of none of the hosts", id, response)
	return nil
}

// grpcCall is a real client's.
func grpcCall(t *testing.T, s *stage, _ *cast, id string) int {
	t.Helper()
	s.call(t, id)
	return nethttp.StatusOK
}

// post sends a request without a body.
func (s *stage) post(t *testing.T, id string, headers ...string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.envoy.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := fmt.Fprintf(conn, "POST /%s/ HTTP/1.1\r\n%s\r\n\r\n", id, strings.Join(headers, "\r\n")); err != nil {
		t.Fatal(err)
	}
	return conn
}

// read reads what there is of the answer.
func read(t *testing.T, conn net.Conn) int {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	response, err := nethttp.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, response.Body) // some are cut short
	_ = response.Body.Close()
	_ = conn.Close()
	return response.StatusCode
}
