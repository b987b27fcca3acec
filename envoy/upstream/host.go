package upstream

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// Host is one HTTP/1.1 host. Its behaviour may be changed at any time; its address stays.
type Host struct {
	journal

	addr netip.AddrPort // as it was asked for, until the port is open for the first time
	done chan struct{}  // closed by Stop: ends every wait
	wg   sync.WaitGroup // the accept loop and one goroutine per connection

	mu        sync.Mutex
	behaviour Behaviour
	listener  net.Listener          // nil while the host refuses
	held      io.Closer             // keeps the port while the host refuses
	conns     map[net.Conn]struct{} // so that refusing and stopping can end them
	stopped   bool
}

// Start runs a host on an address, "ip:port"; port 0 lets the kernel choose one.
func Start(address string) (*Host, error) {
	addr, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, fmt.Errorf("starting a host: %w", err)
	}
	h := &Host{addr: addr, done: make(chan struct{}), conns: make(map[net.Conn]struct{})}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h, h.openLocked()
}

// Addr returns "ip:port".
func (h *Host) Addr() string { return h.addr.String() }

// Set changes the behaviour from the next request on. Refuse closes the port and every connection; what follows it
// opens the same port again, which fails if another has taken it meanwhile.
func (h *Host) Set(b Behaviour) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.behaviour = b
	switch {
	case h.stopped:
		return nil
	case b.Kind == Refuse:
		return h.refuseLocked()
	case h.listener == nil:
		return h.openLocked()
	}
	return nil
}

// Stop closes the port and every connection and returns when all is gone. It may be called again.
func (h *Host) Stop() {
	h.mu.Lock()
	if !h.stopped {
		h.stopped = true
		close(h.done)
		h.shutLocked()
		h.letGoLocked()
	}
	h.mu.Unlock()
	h.wg.Wait()
}

// refuseLocked closes the port and the connections, and keeps the port from everybody else.
func (h *Host) refuseLocked() (err error) {
	if h.held != nil || !h.addr.Addr().Is4() {
		h.shutLocked()
		return nil
	}
	h.shutLocked()
	if h.held, err = holdPort(h.addr); err != nil {
		return fmt.Errorf("refusing on a host's port: %w", err)
	}
	return nil
}

// openLocked listens on the host's port; the first time that is where the kernel may choose it.
func (h *Host) openLocked() error {
	h.letGoLocked()
	listener, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(h.addr))
	if err != nil {
		return fmt.Errorf("opening a host's port: %w", err)
	}
	if addr, err := netip.ParseAddrPort(listener.Addr().String()); err == nil {
		h.addr = addr
	}
	h.listener = listener
	h.wg.Go(func() { h.accept(listener) })
	return nil
}

func (h *Host) letGoLocked() {
	if h.held != nil {
		_ = h.held.Close() // nothing was said on it
		h.held = nil
	}
}

// shutLocked closes the port and the connections. Their errors say only that they were closed before.
func (h *Host) shutLocked() {
	if h.listener != nil {
		_ = h.listener.Close()
		h.listener = nil
	}
	for conn := range h.conns {
		_ = conn.Close()
	}
}

// accept ends when the listener is closed.
func (h *Host) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		h.mu.Lock()
		if h.listener != listener { // shut since
			_ = conn.Close()
			h.mu.Unlock()
			return
		}
		h.conns[conn] = struct{}{}
		h.wg.Go(func() { h.serve(conn) })
		h.mu.Unlock()
	}
}

// serve treats the requests of one connection, until either side ends it.
func (h *Host) serve(conn net.Conn) {
	defer func() {
		_ = conn.Close()
		h.mu.Lock()
		delete(h.conns, conn)
		h.mu.Unlock()
	}()
	reader := bufio.NewReader(conn)
	for {
		request, err := http.ReadRequest(reader)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, request.Body); err != nil {
			return
		}
		if keep := h.treat(conn, request.URL.Path); !keep {
			return
		}
	}
}

// treat does to one request what the behaviour says. keep is false when the connection is of no more use.
func (h *Host) treat(conn net.Conn, path string) (keep bool) {
	at := time.Now()
	h.mu.Lock()
	b := h.behaviour.of(h.number(), path)
	h.mu.Unlock()
	if !h.pause(b.Delay) {
		return false
	}
	request := Request{At: at}
	if b.Kind == "" || b.Kind == Answer {
		request.Status = b.Status
	}
	h.add(request)
	return h.act(conn, b)
}

// pause waits; false says that the host was stopped meanwhile.
func (h *Host) pause(d time.Duration) bool {
	if d == 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-h.done:
		return false
	}
}
