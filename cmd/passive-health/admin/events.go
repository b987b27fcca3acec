package admin

import (
	"encoding/json"
	"fmt"
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
		list := append([]journal.Event{}, h.Journal.Since(since)...)
		writeJSON(w, http.StatusOK, api.Events{Events: list})
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
	// writeLimit is how long a client may take to take an event. One that stalls is let go.
	writeLimit = 10 * time.Second
)

// stream serves server-sent events until the client goes, stalls or falls behind. It comes back with the last id it has.
func (h *handler) stream(w http.ResponseWriter, r *http.Request, since uint64) {
	kept, subscription := h.Journal.Subscribe(since)
	defer subscription.Close()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	control := http.NewResponseController(w)
	send := func(text string) bool {
		_ = control.SetWriteDeadline(time.Now().Add(writeLimit)) // where it is not supported, the write decides
		_, err := fmt.Fprint(w, text)
		return err == nil && control.Flush() == nil
	}
	if !send(": passive-health\n\n") {
		return
	}
	for _, e := range kept {
		if !send(frame(e)) {
			return
		}
	}
	beats := time.NewTicker(heartbeat)
	defer beats.Stop()
	for ok := true; ok; {
		select {
		case <-r.Context().Done():
			return
		case <-subscription.Lost:
			return
		case e := <-subscription.Events:
			ok = send(frame(e))
		case <-beats.C:
			ok = send(": still here\n\n")
		}
	}
}

// frame is one event in the format of server-sent events (https://html.spec.whatwg.org/#server-sent-events).
func frame(e journal.Event) string {
	data, err := json.Marshal(e)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("id: %d\nevent: %s\ndata: %s\n\n", e.ID, e.Name, data)
}
