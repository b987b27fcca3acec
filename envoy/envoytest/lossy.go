package envoytest

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// processPath is ext_proc's one method. Load reports and the access log have others.
const processPath = "/envoy.service.ext_proc.v3.ExternalProcessor/Process"

// Lossy is a faulty proxy before the service's port for responses: while it is told to, every other ext_proc stream ends
// in it. Load reports pass.
type Lossy struct {
	Addr string // where Envoy is to connect

	losing atomic.Bool
	seen   atomic.Int64 // ext_proc streams
	lost   atomic.Int64
}

// StartLossy runs a proxy for the service at an address.
func StartLossy(t testing.TB, service string) *Lossy {
	t.Helper()
	listener, err := net.Listen("tcp", freePort) //nolint:noctx // it does not block: the address is literal
	if err != nil {
		t.Fatal(err)
	}
	l := &Lossy{Addr: listener.Addr().String()}
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols}
	pass := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: service})
	pass.Transport = transport
	pass.FlushInterval = -1                                                         // a stream is answered while it lasts
	pass.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { abort() } // so it is while the service is away
	pass.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server := &http.Server{Handler: l.handler(pass), Protocols: protocols, ReadHeaderTimeout: time.Minute}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
		transport.CloseIdleConnections()
	})
	return l
}

// abort resets the stream.
func abort() {
	panic(http.ErrAbortHandler) //nolint:forbidigo // net/http's documented way to reset a stream
}

func (l *Lossy) handler(pass http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, processPath) && l.losing.Load() && l.seen.Add(1)%2 == 0 {
			l.lost.Add(1)
			abort()
		}
		pass.ServeHTTP(w, r)
	})
}

// Lose says whether streams are to be lost.
func (l *Lossy) Lose(lose bool) { l.losing.Store(lose) }

// Lost returns how many streams ended in the proxy.
func (l *Lossy) Lost() int { return int(l.lost.Load()) }
