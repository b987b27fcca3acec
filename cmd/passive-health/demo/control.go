package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/envoy-passive-health/passive-health/envoy/upstream"
)

// ControlAddress is where a host in a container is broken and mended.
const ControlAddress = "127.0.0.1:18404"

const (
	controlTimeout = 5 * time.Second
	maxBehaviour   = 100 // bytes
)

// control changes the behaviour of hosts over HTTP: POST /web-2 with a behaviour such as "503" as its body. GET / lists
// the hosts.
type control struct {
	address string
	hosts   map[string]*upstream.Host
	server  *http.Server
	ended   chan error
}

// startControl listens on an address until it is stopped.
func startControl(ctx context.Context, address string, hosts map[string]*upstream.Host) (*control, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("opening the demo's control: %w", err)
	}
	c := &control{address: l.Addr().String(), hosts: hosts, ended: make(chan error, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, c.names()) })
	mux.HandleFunc("POST /{host}", c.set)
	c.server = &http.Server{Handler: mux, ReadHeaderTimeout: controlTimeout}
	go func() { c.ended <- c.server.Serve(l) }()
	return c, nil
}

// stop closes the port and every connection.
func (c *control) stop() error {
	err := c.server.Close()
	if ended := <-c.ended; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

func (c *control) names() string { return strings.Join(slices.Sorted(maps.Keys(c.hosts)), ", ") }

func (c *control) set(w http.ResponseWriter, r *http.Request) {
	host, ok := c.hosts[r.PathValue("host")]
	if !ok {
		http.Error(w, fmt.Sprintf("%q is not one of the hosts here: %s", r.PathValue("host"), c.names()), http.StatusNotFound)
		return
	}
	text, err := io.ReadAll(io.LimitReader(r.Body, maxBehaviour))
	if err == nil {
		err = behave(host, string(text))
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// behave changes how a host treats its requests, from the next one on.
func behave(host *upstream.Host, behaviour string) error {
	b, err := upstream.ParseBehaviour(behaviour)
	if err != nil {
		return fmt.Errorf("behaviour %w", err)
	}
	if err := host.Set(b); err != nil {
		return fmt.Errorf("changing a host: %w", err)
	}
	return nil
}

// SetBehaviour breaks or mends a host of a demo that runs elsewhere: address is what the demo printed, or
// ControlAddress for a host of its own in a container; behaviour is as in "503", "503,30%", "reset" or "ok".
func SetBehaviour(ctx context.Context, out io.Writer, address, host, behaviour string) error {
	ctx, cancel := context.WithTimeout(ctx, controlTimeout)
	defer cancel()
	target := "http://" + address + "/" + url.PathEscape(host)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target, strings.NewReader(behaviour))
	if err != nil {
		return fmt.Errorf("asking the demo: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("asking the demo: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("reading the demo's answer: %w", err)
	}
	if response.StatusCode != http.StatusNoContent {
		return fmt.Errorf("the demo at %s: %s", address, strings.TrimSpace(string(body)))
	}
	fmt.Fprintf(out, "%s now behaves as %q\n", host, behaviour)
	return nil
}
