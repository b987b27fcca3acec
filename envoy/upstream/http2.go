package upstream

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// HTTP2Failure is how an HTTP/2 host fails every request.
type HTTP2Failure uint8

// The failures.
const (
	StreamError   HTTP2Failure = iota // resets the stream: INTERNAL_ERROR
	StreamCancel                      // resets the stream: CANCEL
	StreamRefused                     // resets the stream: REFUSED_STREAM
	GoAway                            // says that it has not looked at the request and will take no more, and closes
	BadFrames                         // answers with what is not HTTP/2
)

// What RFC 9113 calls them.
const (
	preface       = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	frameHeader   = 9
	frameHeaders  = 1
	frameReset    = 3
	frameSettings = 4
	frameGoAway   = 7
	flagAck       = 1

	internalError = 2
	refusedStream = 7
	cancelled     = 8
)

// HTTP2Host is an HTTP/2 host, without TLS, that never answers. It writes its frames itself: what a server's library
// would not do is what it is for.
type HTTP2Host struct {
	journal

	listener net.Listener
	failure  atomic.Uint32
	wg       sync.WaitGroup // the accept loop and one goroutine per connection

	mu    sync.Mutex
	conns map[net.Conn]struct{} // nil after Stop
}

// StartHTTP2 runs an HTTP/2 host on an address, "ip:port"; port 0 lets the kernel choose one.
func StartHTTP2(address string) (*HTTP2Host, error) {
	listener, err := net.Listen("tcp", address) //nolint:noctx // it does not block: the address is literal
	if err != nil {
		return nil, fmt.Errorf("starting an HTTP/2 host: %w", err)
	}
	h := &HTTP2Host{listener: listener, conns: make(map[net.Conn]struct{})}
	h.wg.Go(h.accept)
	return h, nil
}

// Addr returns "ip:port".
func (h *HTTP2Host) Addr() string { return h.listener.Addr().String() }

// Set changes how the host fails, from the next request on.
func (h *HTTP2Host) Set(f HTTP2Failure) { h.failure.Store(uint32(f)) }

// Stop closes the port and every connection and returns when all is gone.
func (h *HTTP2Host) Stop() {
	_ = h.listener.Close()
	h.mu.Lock()
	for conn := range h.conns {
		_ = conn.Close()
	}
	h.conns = nil
	h.mu.Unlock()
	h.wg.Wait()
}

func (h *HTTP2Host) accept() {
	for {
		conn, err := h.listener.Accept()
		if err != nil {
			return
		}
		h.mu.Lock()
		if h.conns == nil {
			_ = conn.Close()
		} else {
			h.conns[conn] = struct{}{}
			h.wg.Go(func() { h.serve(conn) })
		}
		h.mu.Unlock()
	}
}

// serve fails the requests of one connection, until either side ends it.
func (h *HTTP2Host) serve(conn net.Conn) {
	defer func() {
		_ = conn.Close()
		h.mu.Lock()
		delete(h.conns, conn)
		h.mu.Unlock()
	}()
	if _, err := io.CopyN(io.Discard, conn, int64(len(preface))); err != nil {
		return
	}
	err := writeFrame(conn, frameSettings, 0, 0, nil)
	for err == nil {
		err = h.step(conn)
	}
}

// step reads a frame and does what it asks for; the error ends the connection.
func (h *HTTP2Host) step(conn net.Conn) error {
	var header [frameHeader]byte
	if _, err := io.ReadFull(conn, header[:]); err != nil {
		return err //nolint:wrapcheck // it only ends the connection
	}
	length := int64(binary.BigEndian.Uint32(header[:]) >> 8)
	if _, err := io.CopyN(io.Discard, conn, length); err != nil {
		return err //nolint:wrapcheck // as above
	}
	kind, flags, stream := header[3], header[4], binary.BigEndian.Uint32(header[5:])
	switch {
	case kind == frameSettings && flags&flagAck == 0:
		return writeFrame(conn, frameSettings, flagAck, 0, nil)
	case kind == frameHeaders:
		h.number()
		h.add(Request{At: time.Now()})
		return h.fail(conn, stream)
	default:
		return nil
	}
}

// errServed ends a connection on which a host has no more to say.
var errServed = errors.New("served")

func (h *HTTP2Host) fail(conn net.Conn, stream uint32) error {
	reset := func(code uint32) error {
		return writeFrame(conn, frameReset, 0, stream, binary.BigEndian.AppendUint32(nil, code))
	}
	switch HTTP2Failure(h.failure.Load()) { //nolint:gosec // Set put it there
	case StreamCancel:
		return reset(cancelled)
	case StreamRefused:
		return reset(refusedStream)
	case GoAway:
		lastStreamAndCode := make([]byte, 8) // no stream, NO_ERROR
		return errors.Join(writeFrame(conn, frameGoAway, 0, 0, lastStreamAndCode), errServed)
	case BadFrames:
		_, err := io.WriteString(conn, "this is not HTTP/2, however long one reads\r\n")
		return errors.Join(err, errServed)
	default:
		return reset(internalError)
	}
}

func writeFrame(conn net.Conn, kind, flags byte, stream uint32, payload []byte) error {
	frame := binary.BigEndian.AppendUint32(nil, uint32(len(payload))<<8|uint32(kind)) //nolint:gosec // some bytes long
	frame = append(frame, flags)
	frame = binary.BigEndian.AppendUint32(frame, stream)
	_, err := conn.Write(append(frame, payload...))
	return err //nolint:wrapcheck // it only ends the connection
}
