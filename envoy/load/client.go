// Package load is a steady client: for the demo, and for tests that count failed requests. It sends each request when
// it is due, answered or not the one before, so that a stall shows as what it costs and not as a lower rate.
package load

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/envoy-passive-health/passive-health/envoy/upstream"
)

// Timeout is how long a request may take before it counts as failed.
const Timeout = 10 * time.Second

// most bounds the results that are kept; at 200 requests a second they are those of the last minutes.
const most = 1 << 16

// Result is how one request went.
type Result struct {
	At      time.Time     // when it was sent
	Latency time.Duration // until the last byte of the answer
	Status  int           // 0 where there was no whole answer
	Host    string        // the address of the upstream host that answered; empty where Envoy itself did
	Err     error         // why there was no whole answer
}

// Failed says whether the client got an error: no whole answer, or a 5xx.
func (r *Result) Failed() bool { return r.Err != nil || r.Status >= http.StatusInternalServerError }

// Client sends requests to one URL.
type Client struct {
	url    string
	http   *http.Client
	cancel context.CancelFunc
	wg     sync.WaitGroup // the sending loop and one goroutine per request on its way

	mu      sync.Mutex
	total   int
	failed  int
	results []Result
}

// Start sends requests to url, perSecond of them (above 0), until ctx ends or Stop is called.
func Start(ctx context.Context, url string, perSecond int) *Client {
	ctx, cancel := context.WithCancel(ctx)
	transport := &http.Transport{MaxIdleConnsPerHost: perSecond}
	c := &Client{url: url, http: &http.Client{Transport: transport, Timeout: Timeout}, cancel: cancel}
	c.wg.Go(func() { c.run(ctx, time.Second/time.Duration(perSecond)) })
	return c
}

// Stop sends no more and returns when the requests on their way have ended. It may be called again.
func (c *Client) Stop() {
	c.cancel()
	c.wg.Wait()
	c.http.CloseIdleConnections()
}

// Counts returns how many requests have ended, and how many of them failed.
func (c *Client) Counts() (total, failed int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.total, c.failed
}

// Results returns the requests that have ended, in that order, at least the newest 32768.
func (c *Client) Results() []Result {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.results)
}

func (c *Client) run(ctx context.Context, period time.Duration) {
	// What is on its way when the client stops is let through: to cut it would look like a failure.
	whole := context.WithoutCancel(ctx)
	ticks := time.NewTicker(period)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
			c.wg.Go(func() { c.add(c.send(whole)) })
		}
	}
}

func (c *Client) send(ctx context.Context) Result {
	r := Result{At: time.Now()}
	r.Status, r.Host, r.Err = c.get(ctx)
	r.Latency = time.Since(r.At)
	return r
}

func (c *Client) get(ctx context.Context) (status int, host string, err error) {
	// POST, because net/http sends a GET again when its connection breaks, and that failure would not show.
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, http.NoBody)
	if err != nil {
		return 0, "", fmt.Errorf("making a request: %w", err)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return 0, "", err //nolint:wrapcheck // it names the method and the URL
	}
	defer response.Body.Close()
	host = response.Header.Get(upstream.HostHeader)
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return 0, host, fmt.Errorf("reading an answer of %s: %w", host, err)
	}
	return response.StatusCode, host, nil
}

func (c *Client) add(r Result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total++
	if r.Failed() {
		c.failed++
	}
	if len(c.results) == most {
		c.results = slices.Delete(c.results, 0, most/2)
	}
	c.results = append(c.results, r)
}
