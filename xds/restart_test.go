package xds

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/envoy-passive-health/passive-health/health"
)

func TestReconnectWithKnownVersionsGetsNothing(t *testing.T) {
	for _, kind := range []string{"delta", "delta ADS"} {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first, conn := serve(t, options())
				first.SetClusters([]Cluster{{Name: "web"}})
				publish(t, first, snapshot("web", health.PublishedUnhealthy))
				c := open(t, conn, node("envoy-a"), kind)
				c.subscribe("web")
				known := c.wants(webMarked).versions

				o := options()
				o.VersionPrefix = "run2-"
				second, conn := serve(t, o) // the process restarted, with its state
				second.SetClusters([]Cluster{{Name: "web"}})
				publish(t, second, snapshot("web", health.PublishedUnhealthy))
				c = open(t, conn, node("envoy-a"), kind)
				c.request("", nil, known, "web")
				synctest.Wait()
				c.wantsNothing()
				if p := second.Proxies()[0]; p.State != ProxySynced || p.Acked["web"] != known["web"] {
					t.Errorf("proxy %+v, want synced with %v", p, known)
				}

				publish(t, second, snapshot("web", health.PublishedHealthy))
				c.ack(c.wants(webHealthy))
			})
		})
	}
}

func TestRestartWithOtherContentAndTheSameVersionNumber(t *testing.T) {
	eachKind(t, func(r *rig) {
		before := r.dial("envoy-a")
		before.subscribe("web")
		had := before.wants(webHealthy)

		o := options()
		o.VersionPrefix = "run2-"
		second, conn := serve(r.t, o)
		second.SetClusters([]Cluster{{Name: "web"}})
		publish(r.t, second, snapshot("web", health.PublishedUnhealthy)) // "run2-1"; the client has "run1-1"
		c := open(r.t, conn, node("envoy-a"), r.kind)
		c.acked = had.version
		c.request("", nil, had.versions, "web")
		a := c.wants(webMarked)
		if a.version == had.version || !strings.HasPrefix(a.version, "run2-") {
			r.t.Errorf("version %q after %q", a.version, had.version)
		}
		c.ack(a)
		synctest.Wait()
		c.wantsNothing()
	})
}
