package xds

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/envoy-passive-health/passive-health/health"
)

// TestNackIsNotAnswered has a client that refuses whatever it gets, from its first response on or later.
func TestNackIsNotAnswered(t *testing.T) {
	for _, history := range []string{"none", "acked one", "from an earlier run"} {
		t.Run(history, func(t *testing.T) {
			eachKind(t, func(r *rig) {
				c := r.dial("envoy-a")
				if history == "from an earlier run" {
					c.acked = "run0-7"
				}
				c.subscribe("web")
				if history == "acked one" {
					c.ack(c.wants(webHealthy))
					synctest.Wait()
					r.publish(snapshot("web", health.PublishedUnhealthy))
				}
				if n := refuseAll(c, time.Minute); n != 1 {
					r.t.Errorf("%d responses within a minute, want the 1 that was refused", n)
				}

				other := health.Snapshot{Cluster: "web", Hosts: []health.HostSnapshot{host("web", "10.0.0.9:80", health.PublishedHealthy)}}
				r.publish(other, snapshot("api", health.PublishedUnhealthy))
				c.ack(c.wants("web 10.0.0.9:80=HEALTHY")) // what is new is still sent
			})
		})
	}
}

// refuseAll refuses every response for a while and returns how many there were. It gives up at 100: in a bubble, the
// time does not pass while client and server keep each other busy.
func refuseAll(c *client, span time.Duration) int {
	end := time.After(span)
	for n := range 100 {
		select {
		case a := <-c.responses:
			c.nack(a)
		case <-end:
			return n
		}
	}
	return 100
}
