package xds

import (
	"encoding/binary"
	"math"
	"net/netip"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/envoy-passive-health/passive-health/health"
)

func eds(address, zone string, weight uint32, p health.Published) edsHost {
	return edsHost{address: netip.MustParseAddrPort(address), zone: zone, weight: weight, published: p}
}

func TestLoadAssignment(t *testing.T) {
	metadata := &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{"envoy.lb": {
		Fields: map[string]*structpb.Value{"stage": structpb.NewStringValue("canary")},
	}}}
	cluster := Cluster{
		Name: "web", ServiceName: "web.eds", OverprovisioningFactor: 1000,
		Endpoints: map[netip.AddrPort]Endpoint{
			netip.MustParseAddrPort("10.0.0.2:80"): {Hostname: "web-2.internal", HealthCheckPort: 8081, Metadata: metadata},
		},
	}
	got, err := loadAssignment(&cluster, []edsHost{
		eds("10.0.0.3:80", "b", 100, health.PublishedHealthy),
		eds("[2001:db8::1]:80", "a", 50, health.PublishedUnhealthy),
		eds("10.0.0.2:80", "a", 100, health.PublishedHealthy),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := new(endpointv3.ClusterLoadAssignment)
	if err := prototext.Unmarshal([]byte(`
		cluster_name: "web.eds"
		policy { overprovisioning_factor { value: 1000 } }
		endpoints {
			locality { zone: "a" }
			load_balancing_weight { value: 150 }
			lb_endpoints {
				endpoint {
					address { socket_address { address: "10.0.0.2" port_value: 80 } }
					hostname: "web-2.internal"
					health_check_config { port_value: 8081 }
				}
				health_status: HEALTHY
				load_balancing_weight { value: 100 }
				metadata { filter_metadata { key: "envoy.lb" value { fields { key: "stage" value { string_value: "canary" } } } } }
			}
			lb_endpoints {
				endpoint { address { socket_address { address: "2001:db8::1" port_value: 80 } } }
				health_status: UNHEALTHY
				load_balancing_weight { value: 50 }
			}
		}
		endpoints {
			locality { zone: "b" }
			load_balancing_weight { value: 100 }
			lb_endpoints {
				endpoint { address { socket_address { address: "10.0.0.3" port_value: 80 } } }
				health_status: HEALTHY
				load_balancing_weight { value: 100 }
			}
		}`), want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}

func TestLoadAssignmentWithoutExtras(t *testing.T) {
	got, err := loadAssignment(&Cluster{Name: "web"}, []edsHost{eds("10.0.0.1:80", "", 1, health.PublishedHealthy)})
	if err != nil {
		t.Fatal(err)
	}
	if got.GetClusterName() != "web" || got.GetPolicy() != nil {
		t.Errorf("name %q, policy %v, want web and Envoy's default", got.GetClusterName(), got.GetPolicy())
	}
	if got.GetEndpoints()[0].Locality == nil {
		t.Error("no locality: grpc-go would drop its hosts")
	}
}

func TestLoadAssignmentRefuses(t *testing.T) {
	good := eds("10.0.0.1:80", "", 100, health.PublishedHealthy)
	badPort := map[netip.AddrPort]Endpoint{good.address: {HealthCheckPort: 65536}}
	weighing := func(address string, weight uint32) edsHost { return eds(address, "", weight, health.PublishedHealthy) }
	for _, test := range []struct {
		name    string
		cluster Cluster
		hosts   []edsHost
		want    string
	}{
		{"no hosts", Cluster{Name: "web"}, nil, "no hosts"},
		{"no name", Cluster{}, []edsHost{good}, "ClusterName"},
		{"name not UTF-8", Cluster{Name: "\xff"}, []edsHost{good}, "UTF-8"},
		{"no address", Cluster{Name: "web"}, []edsHost{{weight: 1}}, "not a literal IP address"},
		{"zoned address", Cluster{Name: "web"}, []edsHost{weighing("[fe80::1%eth0]:80", 1)}, "not a literal IP address"},
		{"port 0", Cluster{Name: "web"}, []edsHost{weighing("10.0.0.1:0", 1)}, "port 0 is not in 1..65535"},
		{"weight 0", Cluster{Name: "web"}, []edsHost{weighing("10.0.0.1:80", 0)}, "weight 0 is not 1 or more"},
		{"twice", Cluster{Name: "web"}, []edsHost{good, eds("10.0.0.1:80", "b", 1, health.PublishedHealthy)}, "10.0.0.1:80: listed twice"},
		{"heavy", Cluster{Name: "web"}, []edsHost{good, weighing("10.0.0.2:80", math.MaxUint32-99)}, "4294967296 is above 4294967295"},
		{"zone not UTF-8", Cluster{Name: "web"}, []edsHost{eds("10.0.0.1:80", "\xff", 1, health.PublishedHealthy)}, "UTF-8"},
		{"health check port", Cluster{Name: "web", Endpoints: badPort}, []edsHost{good}, "PortValue"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cla, err := loadAssignment(&test.cluster, test.hosts)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, error %v, want an error with %q", cla, err, test.want)
			}
		})
	}
}

func TestMappedAddressIsIPv4(t *testing.T) {
	mapped := host("web", "[::ffff:10.0.0.1]:80", health.PublishedHealthy)
	if got := newEDSHost(&mapped).address.String(); got != "10.0.0.1:80" {
		t.Errorf("address %s, want 10.0.0.1:80", got)
	}
}

// fuzzHosts reads hosts from bytes: flags, address, port and weight each.
func fuzzHosts(zone string, data []byte) []health.HostSnapshot {
	const size = 1 + 4 + 2 + 4
	var hosts []health.HostSnapshot
	for ; len(data) >= size; data = data[size:] {
		flags := data[0]
		ip := netip.AddrFrom4([4]byte(data[1:5]))
		switch flags & 3 {
		case 1:
			ip = netip.AddrFrom16([16]byte{0: 0x20, 15: data[4]})
		case 2:
			ip = netip.AddrFrom16(ip.As16()) // IPv4 written as IPv6
		case 3:
			ip = netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 15: data[4]}).WithZone(zone)
		}
		h := health.HostSnapshot{
			Host:            health.Host{Address: netip.AddrPortFrom(ip, binary.BigEndian.Uint16(data[5:]))},
			Published:       health.Published(flags >> 2 & 1),
			PublishedWeight: binary.BigEndian.Uint32(data[7:]),
		}
		if flags&8 != 0 {
			h.Zone = zone
		}
		hosts = append(hosts, h)
	}
	return hosts
}

// FuzzLoadAssignment: whatever the snapshot, what comes out is an error, or a message that says just what the snapshot
// says and that Envoy takes.
func FuzzLoadAssignment(f *testing.F) {
	one := []byte{0, 10, 0, 0, 1, 31, 144, 0, 0, 0, 100}
	two := append([]byte{12, 10, 0, 0, 2, 31, 144, 0, 0, 0, 100}, one...)
	f.Add("web", "", "", uint32(0), uint32(0), one)
	f.Add("web", "a", "web-1.internal", uint32(1000), uint32(8081), two)
	f.Add("", "a", "", uint32(0), uint32(0), one)
	f.Add("web", "\xff", "\xff", uint32(1), uint32(70000), append(one, one...))
	f.Add("web", "a", "", uint32(0), uint32(0), []byte{2, 10, 0, 0, 1, 0, 0, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, name, zone, hostname string, factor, port uint32, data []byte) {
		s := health.Snapshot{Cluster: name, Hosts: fuzzHosts(zone, data)}
		hosts := edsHosts(&s)
		c := Cluster{Name: name, OverprovisioningFactor: factor, Endpoints: map[netip.AddrPort]Endpoint{}}
		for _, h := range hosts {
			c.Endpoints[h.address] = Endpoint{Hostname: hostname, HealthCheckPort: port}
		}
		if len(hosts) > 0 && !sameHosts(hosts, &s) {
			t.Error("hosts are not the same as their own snapshot's")
		}
		cla, err := loadAssignment(&c, hosts)
		if err != nil {
			return
		}
		if err := cla.ValidateAll(); err != nil {
			t.Errorf("Envoy would refuse it: %v", err)
		}
		if _, err := proto.Marshal(cla); err != nil {
			t.Errorf("it cannot be sent: %v", err)
		}
		checkSays(t, cla, hosts)
	})
}

// checkSays fails unless the CLA has each host once, with its weight and status, and weights that add up.
func checkSays(t *testing.T, cla *endpointv3.ClusterLoadAssignment, hosts []edsHost) {
	t.Helper()
	want := make(map[edsHost]bool, len(hosts))
	for _, h := range hosts {
		want[h] = true
	}
	var total uint64
	for _, l := range cla.GetEndpoints() {
		var weight uint64
		for _, e := range l.GetLbEndpoints() {
			weight += uint64(e.GetLoadBalancingWeight().GetValue())
			socket := e.GetEndpoint().GetAddress().GetSocketAddress()
			h := edsHost{zone: l.GetLocality().GetZone(), weight: e.GetLoadBalancingWeight().GetValue()}
			h.address = netip.AddrPortFrom(netip.MustParseAddr(socket.GetAddress()), uint16(socket.GetPortValue()))
			if e.GetHealthStatus() == corev3.HealthStatus_UNHEALTHY {
				h.published = health.PublishedUnhealthy
			}
			if !want[h] {
				t.Errorf("says %+v, which is no host or one said before", h)
			}
			delete(want, h)
		}
		if uint64(l.GetLoadBalancingWeight().GetValue()) != weight {
			t.Errorf("locality %v weighs %v, its hosts %d", l.GetLocality(), l.GetLoadBalancingWeight(), weight)
		}
		total += weight
	}
	if len(hosts) == 0 || len(want) != 0 || total > math.MaxUint32 {
		t.Errorf("%d hosts, left out %v, total weight %d", len(hosts), want, total)
	}
}
