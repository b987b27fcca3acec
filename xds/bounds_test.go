package xds

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/genproto/googleapis/rpc/status"

	"github.com/envoy-passive-health/passive-health/health"
)

func TestNodesAreBounded(t *testing.T) {
	eachKind(t, func(r *rig) {
		r.server.proxies.max = 2
		var all []*client
		for _, id := range []string{"a", "b", "c", "b"} {
			c := r.dial(id)
			c.subscribe("web")
			c.ack(c.wants(webHealthy)) // the one beyond the bound is served
			synctest.Wait()
			all = append(all, c)
		}
		if got := r.ids(); !slices.Equal(got, []string{"a", "b"}) || r.server.Stats().Untracked != 1 {
			r.t.Errorf("proxies %q, %d untracked, want a, b and 1", got, r.server.Stats().Untracked)
		}
		all[2].cancel()
		all[0].cancel()
		synctest.Wait()
		r.dial("d").subscribe("web")
		synctest.Wait()
		if got := r.ids(); !slices.Equal(got, []string{"b", "d"}) {
			r.t.Errorf("proxies %q, want b and d", got)
		}
	})
}

func (r *rig) ids() []string {
	var all []string
	for _, p := range r.server.Proxies() {
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
	var streams []*session
	before := heap()
	for i := range 100_000 {
		x := p.open("")
		p.join(x, node(fmt.Sprintf("%d%s", i, long[:1000])))
		p.sent(x, response{nonce: "1", resources: []resourceVersion{{name: "web", version: "1"}}})
		p.nacked(x, "1", long)
		if streams = append(streams, x); len(streams) > 200 {
			p.close(streams[0])
			streams = streams[1:]
		}
	}
	for _, x := range streams {
		p.close(x)
	}
	if n := len(p.list()); n != 0 || p.stats().Streams != 0 {
		t.Errorf("%d proxies and %d streams left, want none", n, p.stats().Streams)
	}
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
