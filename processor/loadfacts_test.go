package processor_test

import (
	"math"
	"net/netip"
	"slices"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	loadstatsv3 "github.com/envoyproxy/go-control-plane/envoy/service/load_stats/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/envoy-passive-health/passive-health/health"
	"github.com/envoy-passive-health/passive-health/processor"
)

// referenceLoad reads a report with the generated type, without a line in common with ReadLoadReport.
func referenceLoad(r *loadstatsv3.LoadStatsRequest) []processor.ClusterLoad {
	var all []processor.ClusterLoad
	for _, c := range r.GetClusterStats() {
		load := processor.ClusterLoad{Name: []byte(c.GetClusterName()), Dropped: c.GetTotalDroppedRequests()}
		for _, locality := range c.GetUpstreamLocalityStats() {
			for _, e := range locality.GetUpstreamEndpointStats() {
				const most = 1 << 24
				load.Hosts = append(load.Hosts, processor.HostLoad{
					Address:   referenceAddress(e.GetAddress().GetSocketAddress()),
					Succeeded: int(min(e.GetTotalSuccessfulRequests(), most)),
					Failed:    int(min(e.GetTotalErrorRequests(), most)),
				})
			}
		}
		all = append(all, load)
	}
	return all
}

// referenceAddress says of a socket's address what ParseAddress says of its text.
func referenceAddress(s *corev3.SocketAddress) netip.AddrPort {
	ip, err := netip.ParseAddr(s.GetAddress())
	if err != nil || s.GetPortValue() > math.MaxUint16 {
		return netip.AddrPort{}
	}
	address, _ := health.ParseAddress(netip.AddrPortFrom(ip, uint16(s.GetPortValue())).String())
	return address
}

func loadSeeds(t testing.TB) [][]byte {
	t.Helper()
	named := hostLoad("10.0.0.2", 1, 1)
	named.GetAddress().GetSocketAddress().PortSpecifier = &corev3.SocketAddress_NamedPort{NamedPort: "http"}
	pipe := &hostStats{Address: &corev3.Address{Address: &corev3.Address_Pipe{Pipe: &corev3.Pipe{Path: "/p"}}}}
	var seeds [][]byte
	for _, r := range []*loadstatsv3.LoadStatsRequest{
		{Node: &corev3.Node{Id: "envoy-a"}},
		loadRequest("envoy-a", 1e9, 3,
			hostLoad("10.0.0.1", 5, 2), hostLoad("::ffff:10.0.0.1", 1, 0), hostLoad("2001:db8::1", math.MaxUint64, 1<<25)),
		loadRequest("", 1e9+1, 0, named, pipe, hostLoad("fe80::1%eth0", 1, 0), hostLoad("web.internal", 1, 0)),
	} {
		raw := marshal(t, r)
		seeds = append(seeds, raw, append(raw, raw...))
	}
	// One host's address in two parts, and then a pipe in its place.
	socket, other := marshal(t, hostLoad("10.0.0.1", 1, 2)), marshal(t, pipe)
	for _, parts := range [][][]byte{{socket, socket}, {socket, other}, {other, socket}} {
		seeds = append(seeds, wrapHost(slices.Concat(parts...)))
	}
	return seeds
}

// wrapHost makes a report of the bytes of an UpstreamEndpointStats.
func wrapHost(b []byte) []byte {
	for _, num := range []byte{7, 2, 2} {
		b = append([]byte{num<<3 | 2, byte(len(b))}, b...)
	}
	return b
}

// checkLoad compares both readers on any bytes. What only protobuf refuses must be in the node, which is not looked at.
func checkLoad(t testing.TB, raw []byte) {
	t.Helper()
	var got processor.LoadReport
	var want loadstatsv3.LoadStatsRequest
	err := processor.ReadLoadReport(raw, &got)
	wantErr := (proto.UnmarshalOptions{RecursionLimit: 100}).Unmarshal(raw, &want)
	id, idErr := processor.ReadReporter(raw)
	if wantErr != nil {
		if withoutNode := (proto.UnmarshalOptions{RecursionLimit: 100}).Unmarshal(dropNode(raw), &want); err == nil && withoutNode != nil {
			t.Fatalf("read, but protobuf says %v", withoutNode)
		}
		return
	}
	if err != nil || idErr != nil {
		t.Fatalf("refused (%v, %v), but protobuf does not", err, idErr)
	}
	if string(id) != want.GetNode().GetId() {
		t.Errorf("reporter %q, want %q", id, want.GetNode().GetId())
	}
	if diff := cmp.Diff(referenceLoad(&want), got.Clusters, cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
		t.Errorf("generated type (-), ReadLoadReport (+):\n%s", diff)
	}
}

// dropNode returns the fields of a message that are not the node, up to the first fault.
func dropNode(raw []byte) (rest []byte) {
	for len(raw) > 0 {
		num, typ, n := protowire.ConsumeField(raw)
		if n < 0 {
			return append(rest, raw...)
		}
		if num != 1 || typ != protowire.BytesType {
			rest = append(rest, raw[:n]...)
		}
		raw = raw[n:]
	}
	return rest
}

// FuzzReadLoadReportAgainstGeneratedType may not catch what both get wrong because protobuf-go itself does, faults within
// the node, which only ReadReporter looks at and only for its id, and what random changes to the corpus do not reach.
func FuzzReadLoadReportAgainstGeneratedType(f *testing.F) {
	for _, raw := range loadSeeds(f) {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) { checkLoad(t, raw) })
}

// A report cut off anywhere, or with any bit flipped, is read as protobuf would or refused as protobuf would.
func TestReadLoadReportDamaged(t *testing.T) {
	for _, raw := range loadSeeds(t) {
		for i := range raw {
			checkLoad(t, raw[:i])
		}
		for bit := range len(raw) * 8 {
			damaged := append([]byte(nil), raw...)
			damaged[bit/8] ^= 1 << (bit % 8)
			checkLoad(t, damaged)
		}
	}
}

// One LoadReport serves for report after report, small ones after big ones.
func TestReadLoadReportAgain(t *testing.T) {
	var r processor.LoadReport
	for _, hosts := range [][]*hostStats{
		{hostLoad("10.0.0.1", 1, 0), hostLoad("10.0.0.2", 2, 0)}, {hostLoad("10.0.0.3", 0, 3)}, nil,
	} {
		request := loadRequest("envoy-a", 1e9, 0, hosts...)
		if err := processor.ReadLoadReport(marshal(t, request), &r); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(referenceLoad(request), r.Clusters, cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
			t.Errorf("want (-), got (+):\n%s", diff)
		}
	}
}

// A fingerprint is the report's own, and reports in which nothing has finished have none.
func TestLoadFingerprint(t *testing.T) {
	fingerprint := func(r *loadstatsv3.LoadStatsRequest) uint64 {
		var report processor.LoadReport
		if err := processor.ReadLoadReport(marshal(t, r), &report); err != nil {
			t.Fatal(err)
		}
		return report.Fingerprint
	}
	first := fingerprint(loadRequest("envoy-a", 1e9, 0, hostLoad("10.0.0.1", 1, 0)))
	if again := fingerprint(loadRequest("envoy-a", 1e9, 0, hostLoad("10.0.0.1", 1, 0))); first == 0 || again != first {
		t.Errorf("fingerprints of one report: %d, %d", first, again)
	}
	for name, r := range map[string]*loadstatsv3.LoadStatsRequest{
		"a microsecond longer": loadRequest("envoy-a", 1e9+1e3, 0, hostLoad("10.0.0.1", 1, 0)),
		"a failure":            loadRequest("envoy-a", 1e9, 0, hostLoad("10.0.0.1", 0, 1)),
		"a host more":          loadRequest("envoy-a", 1e9, 0, hostLoad("10.0.0.1", 1, 0), hostLoad("10.0.0.2", 0, 0)),
	} {
		if other := fingerprint(r); other == first || other == 0 {
			t.Errorf("%s: fingerprint %d, the first report's is %d", name, other, first)
		}
	}
	if quiet := fingerprint(loadRequest("envoy-a", 1e9, 0, hostLoad("10.0.0.1", 0, 0))); quiet != 0 {
		t.Errorf("nothing has finished: fingerprint %d", quiet)
	}
}
