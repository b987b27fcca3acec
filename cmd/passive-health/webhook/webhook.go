// Package webhook sends events to receivers of the operator's own: signed, in order, and again until each is taken. A
// receiver that is slow, down or hanging costs nothing but its own events: it reads from the journal at its own pace.
package webhook

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/journal"
)

// Options describe one receiver.
type Options struct {
	URL    string
	Secret []byte   // signs what is sent; empty for no signature
	Events []string // names; empty for those of DefaultEvents
	Source string   // who sends, in CloudEvents' sense

	Journal *journal.Journal
	Since   uint64 // the ID after which to begin
	Logger  *slog.Logger
}

// DefaultEvents returns the names of the events that a receiver gets that asks for none.
func DefaultEvents() []string {
	return []string{
		"host.ejected", "host.recovered", "eject.refused", "override.created", "override.ended", "xds.nack", "cluster.failing",
		"cluster.passed",
	}
}

const (
	// sendLimit bounds one attempt.
	sendLimit = 10 * time.Second
	// The pause between attempts doubles from the first to the longest.
	firstPause, longestPause = time.Second, time.Minute
	// attempts is how often one event is tried: some ten minutes.
	attempts = 15
)

// Webhook sends to one receiver. Make one with New.
type Webhook struct {
	Options

	http *http.Client

	sent, failed, dropped atomic.Uint64
}

// New returns a Webhook that sends nothing before Run.
func New(o Options) *Webhook {
	if len(o.Events) == 0 {
		o.Events = DefaultEvents()
	}
	client := &http.Client{
		Timeout:       sendLimit,
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // events go where they are meant to
	}
	return &Webhook{Options: o, http: client}
}

// Stats counts deliveries.
type Stats struct {
	Sent    uint64 // taken by the receiver
	Failed  uint64 // attempts that were not
	Dropped uint64 // given up, or lost because the receiver was too far behind
}

// Stats returns the counts since New.
func (w *Webhook) Stats() Stats { return Stats{w.sent.Load(), w.failed.Load(), w.dropped.Load()} }

// Run sends until ctx is done.
func (w *Webhook) Run(ctx context.Context) {
	defer w.http.CloseIdleConnections()
	for last := w.Since; ctx.Err() == nil; {
		events, more := w.Journal.After(last)
		if len(events) == 0 {
			select {
			case <-ctx.Done():
			case <-more:
			}
			continue
		}
		if missed := events[0].ID - last - 1; missed > 0 {
			w.dropped.Add(missed)
			w.Logger.Warn("events were lost before the receiver took them", "event", "webhook.behind", "url", w.URL, "missed", missed)
		}
		last = events[0].ID
		if slices.Contains(w.Events, events[0].Name) {
			w.deliver(ctx, &events[0])
		}
	}
}

// deliver sends one event until it is taken, refused for good, or tried often enough.
func (w *Webhook) deliver(ctx context.Context, e *journal.Event) {
	pause := firstPause
	for n := 1; ; n++ {
		again, err := w.send(ctx, e)
		if err == nil {
			w.sent.Add(1)
			return
		}
		if ctx.Err() != nil {
			return
		}
		w.failed.Add(1)
		if !again || n == attempts {
			w.dropped.Add(1)
			w.Logger.Warn("an event is given up", "event", "webhook.dropped", "url", w.URL, "id", e.ID, "error", err)
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, longestPause)
	}
}

// send makes one attempt. Where it failed, again says whether another one may succeed.
func (w *Webhook) send(ctx context.Context, e *journal.Event) (again bool, err error) {
	request, err := w.request(ctx, e, time.Now())
	if err != nil {
		return false, err
	}
	response, err := w.http.Do(request)
	if err != nil {
		return true, fmt.Errorf("webhook: %w", err)
	}
	defer response.Body.Close()
	const enough = 4 << 10 // for the connection to be used again
	_, _ = io.CopyN(io.Discard, response.Body, enough)
	switch status := response.StatusCode; {
	case status/100 == 2:
		return false, nil
	case status/100 == 5, status == http.StatusTooManyRequests, status == http.StatusRequestTimeout:
		return true, fmt.Errorf("webhook: %s answers %s", w.URL, response.Status)
	default:
		return false, fmt.Errorf("webhook: %s answers %s", w.URL, response.Status)
	}
}
