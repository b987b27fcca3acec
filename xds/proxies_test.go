package xds

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/status"

	"github.com/envoy-passive-health/passive-health/health"
)

// journal is a Watcher that writes down what it is told.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) note(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}

func (j *journal) OnConnect(node string) { j.note("%s connected", node) }
func (j *journal) OnGone(node string)    { j.note("%s gone", node) }
func (j *journal) OnAck(node, service, _ string, latency time.Duration) {
	j.note("%s has %s after %v", node, service, latency)
}
func (j *journal) OnNack(node, service, text string) {
	j.note("%s refused %s: %s", node, service, text)
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
	return &corev3.Node{Id: id, Cluster: "edge", UserAgentName: "envoy",
		UserAgentVersionType: &corev3.Node_UserAgentBuildVersion{UserAgentBuildVersion: &corev3.BuildVersion{
			Version: &typev3.SemanticVersion{MajorNumber: 1, MinorNumber: 40},
		}}}
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
	eachKind(t, func(t *testing.T, s *Server, dial func(string) *client) {
		web, api := dial("envoy-a"), dial("envoy-a")
		web.subscribe("web")
		api.subscribe("api")
		web.ack(web.wants(webHealthy))
		refused := api.wants(apiHealthy)
		api.nack(refused)
		p := only(t, s)
		if p.Streams != 2 || p.State != ProxyNacked || len(p.Sent) != 2 || len(p.Acked) != 1 {
			t.Errorf("proxy %+v, want 2 streams, 2 sent, 1 acked, nacked", p)
		}
		api.cancel()
		if p := only(t, s); p.Streams != 1 || p.State != ProxySynced {
			t.Errorf("proxy %+v, want 1 stream, synced", p)
		}
	})
}

func TestUnsubscribedIsForgotten(t *testing.T) {
	eachKind(t, func(t *testing.T, s *Server, dial func(string) *client) {
		c := dial("envoy-a")
		c.subscribe("api", "web")
		a := c.wants(apiHealthy, webHealthy)
		c.nack(a)
		c.unsubscribe("web", a)
		c.unsubscribe("api", a)
		if p := only(t, s); len(p.Sent) != 0 || p.State != ProxyNeverAcked {
			t.Errorf("proxy %+v, want nothing sent and no refusal left", p)
		}
	})
}

func TestNodesAreBounded(t *testing.T) {
	eachKind(t, func(t *testing.T, s *Server, dial func(string) *client) {
		s.proxies.max = 2
		var all []*client
		for _, id := range []string{"a", "b", "c", "b"} {
			c := dial(id)
			c.subscribe("web")
			c.ack(c.wants(webHealthy)) // the one beyond the bound is served
			synctest.Wait()
			all = append(all, c)
		}
		if got := ids(s); !slices.Equal(got, []string{"a", "b"}) || s.Stats().Untracked != 1 {
			t.Errorf("proxies %q, %d untracked, want a, b and 1", got, s.Stats().Untracked)
		}
		all[2].cancel()
		all[0].cancel()
		synctest.Wait()
		dial("d").subscribe("web")
		synctest.Wait()
		if got := ids(s); !slices.Equal(got, []string{"b", "d"}) {
			t.Errorf("proxies %q, want b and d", got)
		}
	})
}

func ids(s *Server) []string {
	var all []string
	for _, p := range s.Proxies() {
		all = append(all, p.Node)
	}
	return all
}

// TestRandomNodesLeaveNothing has 100,000 streams come and go, each with an id of its own.
func TestRandomNodesLeaveNothing(t *testing.T) {
	p := newProxies(options())
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	long := strings.Repeat("x", 1<<16)
	var open []*session
	before := heap()
	for i := range 100_000 {
		x := p.open("")
		p.join(x, node(fmt.Sprintf("%d%s", i, long[:1000])))
		p.sent(x, response{nonce: "1", resources: []resourceVersion{{name: "web", version: "1"}}})
		p.nacked(x, "1", long)
		if open = append(open, x); len(open) > 200 {
			p.close(open[0])
			open = open[1:]
		}
	}
	for _, x := range open {
		p.close(x)
	}
	if n := len(p.list()); n != 0 || p.stats().Streams != 0 {
		t.Errorf("%d proxies and %d streams left, want none", n, p.stats().Streams)
	}
	open = nil
	if after := heap(); after > before+1<<20 {
		t.Errorf("heap grew from %d to %d bytes", before, after)
	}
	runtime.KeepAlive(p)
}

func TestARequestAfterTheEndBringsNobodyBack(t *testing.T) {
	p := newProxies(options())
	x := p.open("")
	p.close(x)
	p.join(x, node("envoy-a"))
	if all := p.list(); len(all) != 0 {
		t.Errorf("proxies %+v, want none", all)
	}
}

func TestProxyTextIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, conn := serve(t, options())
		s.SetClusters([]Cluster{{Name: "web"}})
		publish(t, s, snapshot("web", health.PublishedHealthy))
		c := open(t, conn, &corev3.Node{Id: strings.Repeat("é", 1000), Cluster: strings.Repeat("x", 1000)}, "delta")
		c.subscribe("web")
		a := c.next()
		c.request(a.nonce, &status.Status{Code: 13, Message: strings.Repeat("x", 10_000)}, nil)
		p := only(t, s)
		if len(p.Node) != 256 || len(p.Cluster) != 256 || len(p.LastNack.Text) != 1024 {
			t.Errorf("node %d, cluster %d, NACK %d bytes, want 256, 256, 1024", len(p.Node), len(p.Cluster), len(p.LastNack.Text))
		}
	})
}

func TestWildcardKeepsWhatItWasSent(t *testing.T) {
	eachKind(t, func(t *testing.T, s *Server, dial func(string) *client) {
		c := dial("envoy-a")
		c.subscribe("*")
		c.ack(c.wants(apiHealthy, webHealthy))
		if p := only(t, s); len(p.Acked) != 2 || p.State != ProxySynced {
			t.Errorf("proxy %+v, want 2 acked, synced", p)
		}
	})
}
