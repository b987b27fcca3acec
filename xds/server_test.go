package xds

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/envoy-passive-health/passive-health/health"
)

// eachKind runs a test in its own bubble for each way to ask for endpoints, with web and api published.
func eachKind(t *testing.T, test func(t *testing.T, s *Server, dial func(id string) *client)) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, conn := serve(t, options())
				s.SetClusters([]Cluster{{Name: "web"}, {Name: "api"}})
				publish(t, s, snapshot("web", health.PublishedHealthy), snapshot("api", health.PublishedHealthy))
				test(t, s, func(id string) *client { return open(t, conn, node(id), kind) })
			})
		})
	}
}

func TestFirstAnswerThenChanges(t *testing.T) {
	eachKind(t, func(t *testing.T, s *Server, dial func(string) *client) {
		c := dial("envoy-a")
		c.subscribe("web")
		c.ack(c.wants(webHealthy))
		synctest.Wait()

		publish(t, s, snapshot("web", health.PublishedUnhealthy))
		c.ack(c.wants(webMarked))
		synctest.Wait()

		publish(t, s, snapshot("web", health.PublishedUnhealthy))
		publish(t, s, snapshot("api", health.PublishedUnhealthy))
		synctest.Wait()
		c.wantsNothing()
	})
}

func TestSeveralClustersOnOneStream(t *testing.T) {
	eachKind(t, func(t *testing.T, s *Server, dial func(string) *client) {
		c := dial("envoy-a")
		c.subscribe("web", "api")
		c.ack(c.wants(apiHealthy, webHealthy))
		synctest.Wait()

		publish(t, s, snapshot("web", health.PublishedHealthy), snapshot("api", health.PublishedUnhealthy))
		c.ack(c.wants(apiMarked))
		synctest.Wait()

		publish(t, s, snapshot("web", health.PublishedUnhealthy), snapshot("api", health.PublishedHealthy))
		c.ack(c.wants(apiHealthy, webMarked)) // one push for both
		synctest.Wait()
		c.wantsNothing()
	})
}

func TestSubscribingToOneMore(t *testing.T) {
	eachKind(t, func(t *testing.T, _ *Server, dial func(string) *client) {
		c := dial("envoy-a")
		c.subscribe("web")
		a := c.wants(webHealthy)
		c.ack(a)
		c.request(a.nonce, nil, nil, "api")
		c.ack(c.wants(apiHealthy))
		synctest.Wait()
		c.wantsNothing()
	})
}

func TestSubscribingToWhatComesLater(t *testing.T) {
	eachKind(t, func(t *testing.T, s *Server, dial func(string) *client) {
		c := dial("envoy-a")
		c.subscribe("later")
		synctest.Wait()
		if c.sotw != nil { // SotW tells a client that it has nothing; delta has no need to
			c.ack(c.wants())
			synctest.Wait()
		}
		s.SetClusters([]Cluster{{Name: "web"}, {Name: "api"}, {Name: "new", ServiceName: "later"}})
		publish(t, s, snapshot("new", health.PublishedHealthy))
		c.wants("later 10.0.0.1:8080=HEALTHY 10.0.0.2:8080=HEALTHY")
	})
}

func TestAClientThatNeverAcksGetsTheLatestInTheEnd(t *testing.T) {
	eachKind(t, func(t *testing.T, s *Server, dial func(string) *client) {
		c := dial("envoy-a")
		c.subscribe("web")
		first := c.wants(webHealthy)
		for range 50 {
			publish(t, s, snapshot("web", health.PublishedUnhealthy))
			publish(t, s, snapshot("web", health.PublishedHealthy))
		}
		publish(t, s, snapshot("web", health.PublishedUnhealthy))
		synctest.Wait()
		c.wantsNothing()

		c.ack(first)
		c.ack(c.wants(webMarked))
		synctest.Wait()
		c.wantsNothing()
	})
}

func TestWithdrawal(t *testing.T) {
	eachKind(t, func(t *testing.T, s *Server, dial func(string) *client) {
		c := dial("envoy-a")
		c.subscribe("web", "api")
		c.ack(c.wants(apiHealthy, webHealthy))
		synctest.Wait()

		s.SetClusters([]Cluster{{Name: "api"}})
		publish(t, s)
		synctest.Wait()
		if c.delta != nil {
			a := c.next()
			if len(a.said) != 0 || len(a.removed) != 1 || a.removed[0] != "web" {
				t.Fatalf("response %+v, want web removed and nothing else", a)
			}
			c.ack(a)
			synctest.Wait()
		}
		c.wantsNothing() // over SotW, nothing can be said of it
		if err := s.Publish([]health.Snapshot{snapshot("web", health.PublishedHealthy)}); err == nil {
			t.Error("a cluster that is not configured any more is published")
		}

		s.SetClusters([]Cluster{{Name: "web"}, {Name: "api"}})
		publish(t, s, snapshot("web", health.PublishedUnhealthy))
		c.ack(c.wants(webMarked))
	})
}

func TestEndOfContextEndsStreams(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				s, conn := serveUntil(ctx, t, options())
				s.SetClusters([]Cluster{{Name: "web"}})
				publish(t, s, snapshot("web", health.PublishedHealthy))
				c := open(t, conn, node("envoy-a"), kind)
				c.subscribe("web")
				c.wants(webHealthy)
				cancel()
				if a, open := <-c.responses; open || !errors.Is(c.err, io.EOF) {
					t.Errorf("got %+v, error %v, want the stream's end", a, c.err)
				}
			})
		})
	}
}

func TestOtherTypesAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, conn := serve(t, options())
		for _, delta := range []bool{true, false} {
			ads := discoveryv3.NewAggregatedDiscoveryServiceClient(conn)
			var err error
			if delta {
				stream, _ := ads.DeltaAggregatedResources(t.Context())
				_ = stream.Send(&discoveryv3.DeltaDiscoveryRequest{Node: node("envoy-a"), TypeUrl: resource.ClusterType})
				_, err = stream.Recv()
			} else {
				stream, _ := ads.StreamAggregatedResources(t.Context())
				_ = stream.Send(&discoveryv3.DiscoveryRequest{Node: node("envoy-a"), TypeUrl: resource.ClusterType})
				_, err = stream.Recv()
			}
			if status.Code(err) != codes.Unknown || !strings.Contains(err.Error(), "does not match") {
				t.Errorf("delta %t: asked for clusters, got %v", delta, err)
			}
		}
	})
}

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
	eachKind(t, func(t *testing.T, s *Server, dial func(string) *client) {
		before := dial("envoy-a")
		before.subscribe("web")
		had := before.wants(webHealthy)

		o := options()
		o.VersionPrefix = "run2-"
		second, conn := serve(t, o)
		second.SetClusters([]Cluster{{Name: "web"}})
		publish(t, second, snapshot("web", health.PublishedUnhealthy)) // "run2-1"; the client has "run1-1"
		kind := "delta"
		if before.sotw != nil {
			kind = "SotW"
		}
		c := open(t, conn, node("envoy-a"), kind)
		c.acked = had.version
		c.request("", nil, had.versions, "web")
		a := c.wants(webMarked)
		if a.version == had.version || !strings.HasPrefix(a.version, "run2-") {
			t.Errorf("version %q after %q", a.version, had.version)
		}
		c.ack(a)
		synctest.Wait()
		c.wantsNothing()
	})
}

// TestNackIsNotAnswered has a client that refuses whatever it gets, from its first response on or later.
func TestNackIsNotAnswered(t *testing.T) {
	for _, history := range []string{"none", "acked one", "from an earlier run"} {
		t.Run(history, func(t *testing.T) {
			eachKind(t, func(t *testing.T, s *Server, dial func(string) *client) {
				c := dial("envoy-a")
				if history == "from an earlier run" {
					c.acked = "run0-7"
				}
				c.subscribe("web")
				if history == "acked one" {
					c.ack(c.wants(webHealthy))
					synctest.Wait()
					publish(t, s, snapshot("web", health.PublishedUnhealthy))
				}
				if n := refuseAll(c, time.Minute); n != 1 {
					t.Errorf("%d responses within a minute, want the 1 that was refused", n)
				}

				other := health.Snapshot{Cluster: "web", Hosts: []health.HostSnapshot{host("web", "10.0.0.9:80", health.PublishedHealthy)}}
				publish(t, s, other, snapshot("api", health.PublishedUnhealthy))
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
