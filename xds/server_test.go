package xds

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/envoy-passive-health/passive-health/health"
)

func TestFirstAnswerThenChanges(t *testing.T) {
	eachKind(t, func(r *rig) {
		c := r.dial("envoy-a")
		c.subscribe("web")
		c.ack(c.wants(webHealthy))
		synctest.Wait()

		r.publish(snapshot("web", health.PublishedUnhealthy))
		c.ack(c.wants(webMarked))
		synctest.Wait()

		r.publish(snapshot("web", health.PublishedUnhealthy))
		r.publish(snapshot("api", health.PublishedUnhealthy))
		synctest.Wait()
		c.wantsNothing()
	})
}

func TestSeveralClustersOnOneStream(t *testing.T) {
	eachKind(t, func(r *rig) {
		c := r.dial("envoy-a")
		c.subscribe("web", "api")
		c.ack(c.wants(apiHealthy, webHealthy))
		synctest.Wait()

		r.publish(snapshot("web", health.PublishedHealthy), snapshot("api", health.PublishedUnhealthy))
		c.ack(c.wants(apiMarked))
		synctest.Wait()

		r.publish(snapshot("web", health.PublishedUnhealthy), snapshot("api", health.PublishedHealthy))
		c.ack(c.wants(apiHealthy, webMarked)) // one push for both
		synctest.Wait()
		c.wantsNothing()
	})
}

func TestSubscribingToOneMore(t *testing.T) {
	eachKind(t, func(r *rig) {
		c := r.dial("envoy-a")
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
	eachKind(t, func(r *rig) {
		c := r.dial("envoy-a")
		c.subscribe("later")
		synctest.Wait()
		if c.sotw != nil { // SotW tells a client that it has nothing; delta has no need to
			c.ack(c.wants())
			synctest.Wait()
		}
		r.server.SetClusters([]Cluster{{Name: "web"}, {Name: "api"}, {Name: "new", ServiceName: "later"}})
		r.publish(snapshot("new", health.PublishedHealthy))
		c.wants("later 10.0.0.1:8080=HEALTHY 10.0.0.2:8080=HEALTHY")
	})
}

func TestAClientThatNeverAcksGetsTheLatestInTheEnd(t *testing.T) {
	eachKind(t, func(r *rig) {
		c := r.dial("envoy-a")
		c.subscribe("web")
		first := c.wants(webHealthy)
		for range 50 {
			r.publish(snapshot("web", health.PublishedUnhealthy))
			r.publish(snapshot("web", health.PublishedHealthy))
		}
		r.publish(snapshot("web", health.PublishedUnhealthy))
		synctest.Wait()
		c.wantsNothing()

		c.ack(first)
		c.ack(c.wants(webMarked))
		synctest.Wait()
		c.wantsNothing()
	})
}

func TestWithdrawal(t *testing.T) {
	eachKind(t, func(r *rig) {
		c := r.dial("envoy-a")
		c.subscribe("web", "api")
		c.ack(c.wants(apiHealthy, webHealthy))
		synctest.Wait()

		r.server.SetClusters([]Cluster{{Name: "api"}})
		r.publish()
		synctest.Wait()
		if c.delta != nil {
			a := c.next()
			if len(a.said) != 0 || len(a.removed) != 1 || a.removed[0] != "web" {
				r.t.Fatalf("response %+v, want web removed and nothing else", a)
			}
			c.ack(a)
			synctest.Wait()
		}
		c.wantsNothing() // over SotW, nothing can be said of it
		if err := r.server.Publish([]health.Snapshot{snapshot("web", health.PublishedHealthy)}); err == nil {
			r.t.Error("a cluster that is not configured any more is published")
		}

		r.server.SetClusters([]Cluster{{Name: "web"}, {Name: "api"}})
		r.publish(snapshot("web", health.PublishedUnhealthy))
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
