package admin

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/api"
	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/journal"
)

// events answers GET /api/v1/events: the kept events after ?since=, or, for a client that accepts text/event-stream,
// those and all to come.
func (h *handler) events(w http.ResponseWriter, r *http.Request) {
	since, ok := sinceID(r)
	if !ok {
		writeError(w, http.StatusBadRequest, *invalid("since", "is not the id of an event"))
		return
	}
	if !strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
		events, _ := h.Journal.After(since)
		writeJSON(w, http.StatusOK, api.Events{Events: append([]journal.Event{}, events...)})
		return
	}
	h.stream(w, r, since)
}

// sinceID returns the event after which to begin: what a browser says when it comes back goes before the query.
func sinceID(r *http.Request) (id uint64, ok bool) {
	text := r.Header.Get("Last-Event-ID")
	if text == "" {
		text = r.URL.Query().Get("since")
	}
	if text == "" {
		return 0, true
	}
	id, err := strconv.ParseUint(text, 10, 64)
	return id, err == nil
}

const (
	// heartbeat is how often a quiet stream says that it lives; proxies end silent connections.
	heartbeat = 15 * time.Second
	// writeLimit is how long a client may take to take some events. One that stalls is let go.
	writeLimit = 10 * time.Second
	// maxStreams bounds the open streams.
	maxStreams = 2000
)

// stream serves server-sent events until the client goes or stalls. It comes back with the last id it has.
func (h *handler) stream(w http.ResponseWriter, r *http.Request, last uint64) {
	defer h.streams.Add(-1)
	if h.streams.Add(1) > maxStreams {
		writeError(w, http.StatusServiceUnavailable, api.Error{Code: "busy", Message: fmt.Sprintf("there are %d streams already", maxStreams)})
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	control := http.NewResponseController(w)
	beats := time.NewTicker(heartbeat)
	defer beats.Stop()
	for text := ": passive-health\n\n"; ; {
		events, more := h.Journal.After(last)
		text += frames(events, last)
		if len(events) > 0 {
			last = events[len(events)-1].ID
		}
		_ = control.SetWriteDeadline(time.Now().Add(writeLimit)) // where it is not supported, the write decides
		if _, err := io.WriteString(w, text); err != nil || control.Flush() != nil {
			return
		}
		text = ""
		gather(r.Context())
		select {
		case <-r.Context().Done():
			return
		case <-more:
		case <-beats.C:
			text = ": still here\n\n"
		}
	}
}

// gather waits a moment after a write, so that a storm of events is not a storm of writes to each stream.
func gather(ctx context.Context) {
	const moment = 100 * time.Millisecond
	select {
	case <-ctx.Done():
	case <-time.After(moment):
	}
}

// frames are events as a stream carries them to a reader that has come to the given ID. If some are missing, it is
// told first.
func frames(events []journal.Event, last uint64) string {
	var text strings.Builder
	if last > 0 && len(events) > 0 && events[0].ID != last+1 {
		text.WriteString(frame(&journal.Event{
			ID: events[0].ID - 1, At: events[0].At, Name: "journal.gap", Text: "earlier events are no longer kept",
		}))
	}
	for i := range events {
		text.WriteString(frame(&events[i]))
	}
	return text.String()
}

// frame is one event in the format of server-sent events (https://html.spec.whatwg.org/#server-sent-events).
func frame(e *journal.Event) string {
	return fmt.Sprintf("id: %d\nevent: %s\ndata: %s\n\n", e.ID, e.Name, e.JSON())
}
