package xds

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/envoy-passive-health/passive-health/health"
)

func TestAFaultStaysAlone(t *testing.T) {
	eachKind(t, func(r *rig) {
		c := r.dial("envoy-a")
		c.subscribe("web", "api")
		c.ack(c.wants(apiHealthy, webHealthy))
		synctest.Wait()

		portless := snapshot("web", health.PublishedHealthy)
		portless.Hosts[1] = host("web", "10.0.0.2:0", health.PublishedHealthy)
		err := r.server.Publish([]health.Snapshot{
			portless,
			{Cluster: "web"},
			snapshot("unknown", health.PublishedHealthy),
			snapshot("api", health.PublishedUnhealthy),
		})
		for _, want := range []string{
			`cluster "web" is not published: host 10.0.0.2:0: port 0 is not in 1..65535`,
			`cluster "web" is not published: no hosts: an assignment without hosts would fail every request`,
			`cluster "unknown" is not published: not configured`,
		} {
			if err == nil || !strings.Contains(err.Error(), want) {
				r.t.Errorf("error %v, want %s in it", err, want)
			}
		}
		if got := r.server.Stats().Faults; got != 3 {
			r.t.Errorf("%d faults counted, want 3", got)
		}
		c.ack(c.wants(apiMarked))
		synctest.Wait()
		c.wantsNothing()

		again := r.dial("envoy-b") // the cluster at fault still says what it said before
		again.subscribe("web")
		again.wants(webHealthy)
	})
}

func TestNothingIsPublishedWithoutHostsAfterAReload(t *testing.T) {
	s := New(t.Context(), options())
	s.SetClusters([]Cluster{{Name: "web"}})
	publish(t, s, snapshot("web", health.PublishedHealthy))
	s.SetClusters([]Cluster{{Name: "web"}})
	if err := s.Publish([]health.Snapshot{{Cluster: "web"}}); err == nil {
		t.Error("no error for a cluster that lost all its hosts")
	}
}

func TestServiceName(t *testing.T) {
	eachKind(t, func(r *rig) {
		r.server.SetClusters([]Cluster{{Name: "web", ServiceName: "svc-x"}, {Name: "api"}, {Name: "other", ServiceName: "api"}})
		r.publish(snapshot("web", health.PublishedHealthy), snapshot("api", health.PublishedHealthy))
		c := r.dial("envoy-a")
		c.subscribe("svc-x")
		c.ack(c.wants("svc-x 10.0.0.1:8080=HEALTHY 10.0.0.2:8080=HEALTHY"))
		c.request("", nil, nil)

		err := r.server.Publish([]health.Snapshot{snapshot("other", health.PublishedUnhealthy)})
		want := `cluster "other" is not published: service name "api" is published for cluster "api"`
		if err == nil || err.Error() != want {
			r.t.Errorf("error %v, want %s", err, want)
		}
	})
}

func TestReloadPublishesOnlyWhatItChanges(t *testing.T) {
	eachKind(t, func(r *rig) {
		c := r.dial("envoy-a")
		c.subscribe("web", "api")
		c.ack(c.wants(apiHealthy, webHealthy))
		synctest.Wait()

		extras := map[netip.AddrPort]Endpoint{netip.MustParseAddrPort("10.0.0.1:8080"): {Hostname: "web-1"}}
		r.server.SetClusters([]Cluster{{Name: "web", Endpoints: extras}, {Name: "api"}})
		r.publish(snapshot("web", health.PublishedHealthy), snapshot("api", health.PublishedHealthy))
		c.ack(c.wants(webHealthy))
		synctest.Wait()
		c.wantsNothing()
	})
}

func TestUnchangedPublishAllocatesNothingPerHost(t *testing.T) {
	s := New(t.Context(), options())
	clusters, snapshots := fleet(10, 100)
	s.SetClusters(clusters)
	publish(t, s, snapshots...)
	if n := testing.AllocsPerRun(100, func() { publish(t, s, snapshots...) }); n > 1 {
		t.Errorf("%v allocations for 10 unchanged clusters of 100 hosts, want at most 1", n)
	}
}

// fleet is so many clusters of so many hosts.
func fleet(clusters, hosts int) ([]Cluster, []health.Snapshot) {
	var configured []Cluster
	var snapshots []health.Snapshot
	for i := range clusters {
		name := fmt.Sprintf("cluster-%d", i)
		s := health.Snapshot{Cluster: name}
		for j := range hosts {
			address := fmt.Sprintf("10.%d.%d.%d:8080", i/250, i%250, j+1)
			s.Hosts = append(s.Hosts, host(name, address, health.PublishedHealthy))
		}
		configured = append(configured, Cluster{Name: name})
		snapshots = append(snapshots, s)
	}
	return configured, snapshots
}

// BenchmarkPublish publishes 1,000 clusters of 100 hosts, of which one host has changed.
func BenchmarkPublish(b *testing.B) {
	s := New(b.Context(), options())
	clusters, snapshots := fleet(1000, 100)
	s.SetClusters(clusters)
	if err := s.Publish(snapshots); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		snapshots[500].Hosts[50].Published = health.Published((i + 1) % 2)
		if err := s.Publish(snapshots); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPublishAll publishes 1,000 clusters of 100 hosts for the first time, as after a start.
func BenchmarkPublishAll(b *testing.B) {
	clusters, snapshots := fleet(1000, 100)
	b.ReportAllocs()
	for b.Loop() {
		s := New(b.Context(), options())
		s.SetClusters(clusters)
		if err := s.Publish(snapshots); err != nil {
			b.Fatal(err)
		}
	}
}
