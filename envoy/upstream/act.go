package upstream

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// HostHeader is the response header in which a host says its address, so that a client knows who answered.
const HostHeader = "X-Upstream"

// beforeReset is how long a host waits between half a body and the reset. A reset overtakes data that the peer has not
// read yet, and nothing tells when it has.
const beforeReset = 50 * time.Millisecond

// act answers a request, or does what stands in for an answer.
func (h *Host) act(conn net.Conn, b Behaviour) (keep bool) {
	switch b.Kind {
	case Reset:
		reset(conn)
	case Garbage:
		_, _ = io.WriteString(conn, "this is not HTTP\r\n\r\n")
	case Stall:
		awaitEnd(conn)
	case ResetBody:
		if h.halfAnswer(conn) == nil && h.pause(beforeReset) {
			reset(conn)
		}
	case CloseBody:
		_ = h.halfAnswer(conn) // serve closes the connection
	case StallBody:
		if h.halfAnswer(conn) == nil {
			awaitEnd(conn)
		}
	case Close, Refuse: // serve closes the connection
	case Answer, "":
		return h.answer(conn, b.Status) == nil
	}
	return false
}

func (h *Host) answer(conn net.Conn, status int) error {
	body := fmt.Sprintf("%d from %s\n", status, h.Addr())
	_, err := fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\n%s: %s\r\nContent-Length: %d\r\n\r\n%s",
		status, http.StatusText(status), HostHeader, h.Addr(), len(body), body)
	return err
}

func (h *Host) halfAnswer(conn net.Conn) error {
	_, err := fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\n%s: %s\r\nContent-Length: 8\r\n\r\nhalf", HostHeader, h.Addr())
	return err
}

// reset ends a connection with RST instead of FIN.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// awaitEnd returns when the peer or Stop has closed the connection.
func awaitEnd(conn net.Conn) {
	_, _ = io.Copy(io.Discard, conn)
}
