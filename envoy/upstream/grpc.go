package upstream

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
)

// Place is where a gRPC host puts its status.
type Place uint8

// The places.
const (
	InTrailers   Place = iota // in trailers, after one message
	TrailersOnly              // in the headers, which end the response
	ResetBefore               // nowhere: it resets the stream before its headers
	ResetAfter                // nowhere: it resets the stream after one message
)

// GRPCBehaviour is how a gRPC host answers each call. The zero value answers OK.
type GRPCBehaviour struct {
	Place Place
	Code  codes.Code
}

// GRPCHost is an HTTP/2 host, without TLS, that answers every method as a gRPC server would.
type GRPCHost struct {
	journal

	addr      string
	behaviour atomic.Pointer[GRPCBehaviour]
	server    *http.Server
	served    chan struct{} // closed when the server's goroutine has ended
}

// readHeaderTimeout ends connections that never say anything.
const readHeaderTimeout = 10 * time.Second

// StartGRPC runs a gRPC host on an address, "ip:port"; port 0 lets the kernel choose one.
func StartGRPC(address string) (*GRPCHost, error) {
	addr, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, fmt.Errorf("starting a gRPC host: %w", err)
	}
	listener, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(addr))
	if err != nil {
		return nil, fmt.Errorf("starting a gRPC host: %w", err)
	}
	h := &GRPCHost{addr: listener.Addr().String(), served: make(chan struct{})}
	h.behaviour.Store(&GRPCBehaviour{})
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	h.server = &http.Server{Handler: h, Protocols: protocols, ReadHeaderTimeout: readHeaderTimeout}
	go func() {
		defer close(h.served)
		_ = h.server.Serve(listener) // http.ErrServerClosed, by Stop
	}()
	return h, nil
}

// Addr returns "ip:port".
func (h *GRPCHost) Addr() string { return h.addr }

// Set changes the behaviour from the next call on.
func (h *GRPCHost) Set(b GRPCBehaviour) { h.behaviour.Store(&b) }

// Stop closes the port and every connection.
func (h *GRPCHost) Stop() {
	_ = h.server.Close()
	<-h.served
}

// ServeHTTP answers one call.
func (h *GRPCHost) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.number()
	b := *h.behaviour.Load()
	h.add(Request{At: time.Now(), Status: b.Place.status()})
	if _, err := io.Copy(io.Discard, r.Body); err != nil && !errors.Is(err, io.EOF) {
		return
	}
	b.answer(w, h.addr)
}

func (p Place) status() int {
	if p == ResetBefore || p == ResetAfter {
		return 0
	}
	return http.StatusOK
}

// emptyMessage is a gRPC message without content: not compressed, length 0.
var emptyMessage = make([]byte, 5)

func (b GRPCBehaviour) answer(w http.ResponseWriter, addr string) {
	const status = "Grpc-Status"
	header := w.Header()
	header.Set("Content-Type", "application/grpc")
	header.Set(HostHeader, addr)
	code := strconv.Itoa(int(b.Code))
	switch b.Place {
	case TrailersOnly:
		header.Set(status, code)
	case InTrailers:
		_, _ = w.Write(emptyMessage)
		header.Set(http.TrailerPrefix+status, code)
	case ResetAfter:
		_, _ = w.Write(emptyMessage)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler) //nolint:forbidigo // net/http's documented way to reset a stream
	case ResetBefore:
		panic(http.ErrAbortHandler) //nolint:forbidigo // as above
	}
}
