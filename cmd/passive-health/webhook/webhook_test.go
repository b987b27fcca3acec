package webhook

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/journal"
)

// receiver is a real HTTP server that answers as it is told, and keeps what it took.
type receiver struct {
	*httptest.Server

	status atomic.Int32 // of its answers
	hang   atomic.Bool  // it answers nothing

	mu    sync.Mutex
	taken []*http.Request
	bodys [][]byte
	each  chan int // the status of each answer
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{each: make(chan int, 100)}
	r.status.Store(http.StatusOK)
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		data, _ := io.ReadAll(request.Body)
		if r.hang.Load() {
			r.each <- 0
			<-request.Context().Done()
			return
		}
		status := int(r.status.Load())
		r.mu.Lock()
		r.taken, r.bodys = append(r.taken, request), append(r.bodys, data)
		r.mu.Unlock()
		w.WriteHeader(status)
		r.each <- status
	}))
	t.Cleanup(r.Close)
	return r
}

// hook runs a webhook until the test ends.
func hook(t *testing.T, o Options) *Webhook {
	t.Helper()
	if o.Journal == nil {
		o.Journal = journal.New(1)
	}
	o.Logger, o.Source = slog.New(slog.DiscardHandler), "test"
	w := New(o)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { w.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return w
}

func within(t *testing.T, what string, ch <-chan int) int {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(10 * time.Second):
		t.Fatalf("no %s in 10s", what)
		return 0
	}
}

func TestSendsWhatWasAskedForSigned(t *testing.T) {
	r := newReceiver(t)
	secret := []byte("a secret")
	w := hook(t, Options{URL: r.URL, Secret: secret, Events: []string{"host.ejected"}})
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	w.Journal.Add(journal.Event{At: at, Name: "proxy.gone", Node: "envoy-a"})
	w.Journal.Add(journal.Event{At: at, Name: "host.ejected", Cluster: "web", Host: "10.0.0.1:80", Text: "why"})
	within(t, "delivery", r.each)
	r.mu.Lock()
	defer r.mu.Unlock()
	var got map[string]any
	if err := json.Unmarshal(r.bodys[0], &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"specversion": "1.0", "id": "2", "source": "test", "type": "passive-health.host.ejected", "subject": "web/10.0.0.1:80",
		"time": "2026-01-02T03:04:05Z", "datacontenttype": "application/json", "data": map[string]any{
			"id": 2.0, "at": "2026-01-02T03:04:05Z", "event": "host.ejected", "text": "why", "cluster": "web", "host": "10.0.0.1:80",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
	header := r.taken[0].Header
	timestamp := header.Get(TimestampHeader)
	if seconds, err := strconv.ParseInt(timestamp, 10, 64); err != nil || time.Since(time.Unix(seconds, 0)).Abs() > time.Minute {
		t.Errorf("timestamp %q", timestamp)
	}
	if want := "v1=" + Sign(secret, timestamp, r.bodys[0]); header.Get(SignatureHeader) != want {
		t.Errorf("signature %q, want %q", header.Get(SignatureHeader), want)
	}
}

// TestSignature holds Sign to what openssl says: printf '1.{}' | openssl dgst -sha256 -hmac key.
func TestSignature(t *testing.T) {
	const want = "1ba6b8171186efc613e8bcc0cbdab2748f24984d7c5a84faa2637afa0e40d224"
	if got := Sign([]byte("key"), "1", []byte("{}")); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTriesAgainInOrder(t *testing.T) {
	r := newReceiver(t)
	r.status.Store(http.StatusServiceUnavailable)
	w := hook(t, Options{URL: r.URL})
	w.Journal.Add(journal.Event{Name: "host.ejected"})
	w.Journal.Add(journal.Event{Name: "host.recovered"})
	if got := within(t, "attempt", r.each); got != http.StatusServiceUnavailable {
		t.Errorf("first answer %d", got)
	}
	r.status.Store(http.StatusOK)
	for range 2 {
		if got := within(t, "delivery", r.each); got != http.StatusOK {
			t.Errorf("then %d", got)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var types []string
	for _, data := range r.bodys {
		var b body
		if err := json.Unmarshal(data, &b); err != nil {
			t.Fatal(err)
		}
		types = append(types, b.Type)
	}
	want := []string{"passive-health.host.ejected", "passive-health.host.ejected", "passive-health.host.recovered"}
	if diff := cmp.Diff(want, types); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}

func TestRefusedForGoodIsNotTriedAgain(t *testing.T) {
	r := newReceiver(t)
	r.status.Store(http.StatusGone)
	w := hook(t, Options{URL: r.URL})
	w.Journal.Add(journal.Event{Name: "host.ejected"})
	w.Journal.Add(journal.Event{Name: "host.ejected"})
	within(t, "attempt", r.each)
	within(t, "attempt", r.each) // of the second event: the first was given up
	if got := w.Stats(); got.Sent != 0 || got.Dropped < 1 {
		t.Errorf("%+v", got)
	}
}

// TestHangingReceiverHoldsNobodyUp ends a webhook in the middle of an attempt: adding events never waited for it.
func TestHangingReceiverHoldsNobodyUp(t *testing.T) {
	r := newReceiver(t)
	r.hang.Store(true)
	w := hook(t, Options{URL: r.URL})
	w.Journal.Add(journal.Event{Name: "host.ejected"})
	within(t, "attempt", r.each)
	begin := time.Now()
	for range 5000 {
		w.Journal.Add(journal.Event{Name: "host.ejected"})
	}
	if took := time.Since(begin); took > time.Second {
		t.Errorf("5000 events took %v beside a receiver that hangs", took)
	}
	if events, _ := w.Journal.After(0); len(events) > 1000 {
		t.Errorf("%d events are kept", len(events))
	}
}

// TestGivesUp lets fake time run: an attempt hangs no longer than its limit, pauses grow, and it ends.
func TestGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var begins []time.Time
		w := New(Options{URL: "http://receiver.example", Journal: journal.New(1), Logger: slog.New(slog.DiscardHandler)})
		w.http.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			begins = append(begins, time.Now())
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		w.Journal.Add(journal.Event{Name: "host.ejected"})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { w.Run(ctx); close(done) }()
		<-time.After(time.Hour)
		if got, want := w.Stats(), (Stats{Failed: attempts, Dropped: 1}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
		for i, want := range []time.Duration{11 * time.Second, 12 * time.Second, 14 * time.Second} {
			if got := begins[i+1].Sub(begins[i]); got != want {
				t.Errorf("attempt %d came after %v, want %v", i+2, got, want)
			}
		}
		if got := begins[attempts-1].Sub(begins[attempts-2]); got != longestPause+sendLimit {
			t.Errorf("the last pause is %v", got)
		}
		cancel()
		<-done
	})
}

// TestFarBehind counts what left the journal before the receiver was ready for it.
func TestFarBehind(t *testing.T) {
	r := newReceiver(t)
	j := journal.New(1)
	for range 2000 {
		j.Add(journal.Event{Name: "audit"})
	}
	j.Add(journal.Event{Name: "host.ejected"})
	kept, _ := j.After(0)
	w := hook(t, Options{URL: r.URL, Journal: j})
	within(t, "delivery", r.each)
	if got, want := w.Stats().Dropped, 2001-uint64(len(kept)); got != want {
		t.Errorf("%d dropped, want %d", got, want)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
