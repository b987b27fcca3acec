//go:build unix

package upstream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// holeProbe is how long a connection to a hole is waited for before it counts as full.
const holeProbe = 200 * time.Millisecond

// Hole is an address where a connection is neither accepted nor refused: whoever connects waits for a timeout.
type Hole struct {
	addr   string
	socket *os.File
	fill   []net.Conn
}

// StartHole opens a port on 127.0.0.1, never accepts and fills its queue, so that the kernel leaves all others waiting.
func StartHole(ctx context.Context) (*Hole, error) {
	socket, addr, err := listenWithoutQueue()
	if err != nil {
		return nil, fmt.Errorf("starting a hole: %w", err)
	}
	h := &Hole{addr: addr, socket: socket}
	dialer := net.Dialer{Timeout: holeProbe}
	for {
		conn, err := dialer.DialContext(ctx, "tcp", addr)
		if err == nil {
			h.fill = append(h.fill, conn)
			continue
		}
		if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() && ctx.Err() == nil {
			return h, nil
		}
		h.Stop()
		return nil, fmt.Errorf("filling a hole: %w", err)
	}
}

// Addr returns "ip:port".
func (h *Hole) Addr() string { return h.addr }

// Stop closes the port.
func (h *Hole) Stop() {
	for _, conn := range h.fill {
		_ = conn.Close()
	}
	_ = h.socket.Close()
}
