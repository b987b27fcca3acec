package xds

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/envoy-passive-health/passive-health/health"
)

// journal is a Watcher that writes down what it is told.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) notef(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}

func (j *journal) OnConnect(node string) { j.notef("%s connected", node) }
func (j *journal) OnGone(node string)    { j.notef("%s gone", node) }
func (j *journal) OnAck(node, service, _ string, latency time.Duration) {
	j.notef("%s has %s after %v", node, service, latency)
}

func (j *journal) OnNack(node, service, text string) {
	j.notef("%s refused %s: %s", node, service, text)
}

func (j *journal) wants(t *testing.T, lines ...string) {
	t.Helper()
	synctest.Wait()
	j.mu.Lock()
	defer j.mu.Unlock()
	if !slices.Equal(j.lines, lines) {
		t.Errorf("watcher was told %q, want %q", j.lines, lines)
	}
	j.lines = nil
}

func envoyNode(id string) *corev3.Node {
	build := &corev3.BuildVersion{Version: &typev3.SemanticVersion{MajorNumber: 1, MinorNumber: 40}}
	return &corev3.Node{
		Id: id, Cluster: "edge", UserAgentName: "envoy",
		UserAgentVersionType: &corev3.Node_UserAgentBuildVersion{UserAgentBuildVersion: build},
	}
}

// only returns the one proxy there is.
func only(t *testing.T, s *Server) Proxy {
	t.Helper()
	synctest.Wait()
	all := s.Proxies()
	if len(all) != 1 {
		t.Fatalf("%d proxies, want 1: %+v", len(all), all)
	}
	return all[0]
}

func TestLifeOfAProxy(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { lifeOfAProxy(t, kind) })
		})
	}
}

func lifeOfAProxy(t *testing.T, kind string) {
	t.Helper()
	watch := new(journal)
	var log bytes.Buffer
	o := options()
	o.Logger, o.Watch = slog.New(slog.NewJSONHandler(&log, nil)), watch
	s, conn := serve(t, o)
	s.SetClusters([]Cluster{{Name: "web"}})
	publish(t, s, snapshot("web", health.PublishedHealthy))

	c := open(t, conn, envoyNode("envoy-a"), kind)
	c.subscribe("web")
	a := c.wants(webHealthy)
	pushed := time.Now()
	watch.wants(t, "envoy-a connected")
	p := only(t, s)
	want := Proxy{
		Node: "envoy-a", Cluster: "edge", EnvoyVersion: "1.40.0", Address: "bufconn", Streams: 1,
		Sent: versions(c, a), Acked: map[string]string{}, State: ProxyNeverAcked, OldestUnacked: pushed,
	}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Errorf("before the first ACK: want -, got +\n%s", diff)
	}

	after(3 * time.Second)
	c.ack(a)
	watch.wants(t, "envoy-a has web after 3s")
	want.Acked, want.State, want.OldestUnacked, want.LastAckAt = want.Sent, ProxySynced, time.Time{}, time.Now()
	if diff := cmp.Diff(want, only(t, s)); diff != "" {
		t.Errorf("after the ACK: want -, got +\n%s", diff)
	}

	publish(t, s, snapshot("web", health.PublishedUnhealthy))
	a = c.wants(webMarked)
	want.Sent, want.State, want.OldestUnacked = versions(c, a), ProxyStale, time.Now()
	if diff := cmp.Diff(want, only(t, s)); diff != "" {
		t.Errorf("between push and answer: want -, got +\n%s", diff)
	}

	after(time.Second)
	c.nack(a)
	c.nack(a) // twice the same is one refusal
	watch.wants(t, "envoy-a refused web: malformed")
	want.State, want.OldestUnacked = ProxyNacked, time.Time{}
	want.LastNack = Nack{At: time.Now(), Text: "malformed", ServiceName: "web"}
	if diff := cmp.Diff(want, only(t, s)); diff != "" {
		t.Errorf("after the NACK: want -, got +\n%s", diff)
	}
	checkNackLogged(t, &log)

	publish(t, s, snapshot("web", health.PublishedHealthy))
	c.ack(c.wants(webHealthy))
	watch.wants(t, "envoy-a has web after 0s")
	if p := only(t, s); p.State != ProxySynced || p.LastNack != want.LastNack {
		t.Errorf("state %s, last NACK %v, want synced and the NACK remembered", p.State, p.LastNack)
	}
	wantStats := Stats{Streams: 1, Pushes: map[string]uint64{"web": 3}, Acks: 2, Nacks: map[string]uint64{"web": 1}}
	if diff := cmp.Diff(wantStats, s.Stats()); diff != "" {
		t.Errorf("stats: want -, got +\n%s", diff)
	}

	c.cancel()
	watch.wants(t, "envoy-a gone")
	if all := s.Proxies(); len(all) != 0 || s.Stats().Streams != 0 {
		t.Errorf("left over: %+v", all)
	}
}

// after lets time pass, in a bubble.
func after(d time.Duration) { <-time.After(d) }

// versions is what a proxy that got the answer is listed with.
func versions(c *client, a answer) map[string]string {
	if c.delta != nil {
		return a.versions
	}
	return map[string]string{"web": a.version}
}

func checkNackLogged(t *testing.T, log *bytes.Buffer) {
	t.Helper()
	var nacks []map[string]any
	for line := range strings.Lines(log.String()) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatal(err)
		}
		if entry["event"] == "xds.nack" {
			nacks = append(nacks, entry)
		}
	}
	if len(nacks) != 1 {
		t.Fatalf("%d NACKs in the log, want 1:\n%s", len(nacks), log)
	}
	for key, want := range map[string]any{"level": "WARN", "node": "envoy-a", "service_name": "web", "text": "malformed"} {
		if nacks[0][key] != want {
			t.Errorf("log says %s %v, want %v", key, nacks[0][key], want)
		}
	}
}

func TestStreamsOfOneNodeAreOneProxy(t *testing.T) {
	eachKind(t, func(r *rig) {
		web, api := r.dial("envoy-a"), r.dial("envoy-a")
		web.subscribe("web")
		api.subscribe("api")
		web.ack(web.wants(webHealthy))
		refused := api.wants(apiHealthy)
		api.nack(refused)
		p := r.only()
		if p.Streams != 2 || p.State != ProxyNacked || len(p.Sent) != 2 || len(p.Acked) != 1 {
			r.t.Errorf("proxy %+v, want 2 streams, 2 sent, 1 acked, nacked", p)
		}
		api.cancel()
		if p := r.only(); p.Streams != 1 || p.State != ProxySynced {
			r.t.Errorf("proxy %+v, want 1 stream, synced", p)
		}
	})
}

func TestUnsubscribedIsForgotten(t *testing.T) {
	eachKind(t, func(r *rig) {
		c := r.dial("envoy-a")
		c.subscribe("api", "web")
		a := c.wants(apiHealthy, webHealthy)
		c.nack(a)
		c.unsubscribe("web", a)
		c.unsubscribe("api", a)
		if p := r.only(); len(p.Sent) != 0 || p.State != ProxyNeverAcked {
			r.t.Errorf("proxy %+v, want nothing sent and no refusal left", p)
		}
	})
}

func TestWildcardKeepsWhatItWasSent(t *testing.T) {
	eachKind(t, func(r *rig) {
		c := r.dial("envoy-a")
		c.subscribe("*")
		c.ack(c.wants(apiHealthy, webHealthy))
		if p := r.only(); len(p.Acked) != 2 || p.State != ProxySynced {
			r.t.Errorf("proxy %+v, want 2 acked, synced", p)
		}
	})
}
