//go:build record

package blame_test

import (
	"encoding/json"
	"flag"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/service/accesslog/v3"
	loadstatsv3 "github.com/envoyproxy/go-control-plane/envoy/service/load_stats/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/envoy-passive-health/passive-health/envoy"
	"github.com/envoy-passive-health/passive-health/envoy/envoytest"
)

var recordTo = flag.String("record", "", "write what this Envoy sends in each situation into a file of this folder, named by its version")

var without = flag.String("without", "", "a sample that this Envoy is too old for")

// recorded is one message of a real Envoy, as processor/testdata/golden has it, a line of JSON each.
type recorded struct {
	Sample  envoy.Sample `json:"sample"`
	Method  string       `json:"method"` // of gRPC, its last part
	Message []byte       `json:"message"`
}

// tap is a service that keeps what Envoy sends.
type tap struct {
	addr   string
	sample envoy.Sample

	mu   sync.Mutex
	kept []recorded
}

// TestRecord records. It is no test, and has a build tag of its own: `make record`.
func TestRecord(t *testing.T) {
	var all []recorded
	version := ""
	for _, sample := range []envoy.Sample{envoy.AllResponses, envoy.Retries, envoy.GRPC, envoy.AccessLog} {
		if string(sample) == *without {
			continue
		}
		s := startStage(t, sample)
		tap := startTap(t, sample)
		s.envoy = s.bootstrap(t, sample, tap.addr).start(t)
		s.conn = dial(t, s.envoy.Address())
		for id, c := range s.casts {
			envoytest.Until(t, patience, "Envoy has the hosts of "+id, func() bool {
				_, ok := s.envoy.Host(t, id, c.addresses[0])
				return ok
			})
		}
		each(func(id string, situation *situation) {
			if c := s.casts[id]; c == nil || c.retried == nil {
				situation.send(t, s, c, id)
			}
		})
		envoytest.Until(t, patience, "load reports and the log come", func() bool { return tap.complete() })
		all = append(all, tap.kept...)
		version = s.version(t)
	}
	var lines strings.Builder
	for i := range all {
		line, err := json.Marshal(all[i])
		if err != nil {
			t.Fatal(err)
		}
		lines.Write(append(line, '\n'))
	}
	if err := os.WriteFile(filepath.Join(*recordTo, version+".jsonl"), []byte(lines.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Logf("Envoy %s: %d messages", version, len(all))
}

// version asks Envoy: "<commit>/1.40.0/Clean/...".
func (s *stage) version(t *testing.T) string {
	t.Helper()
	body, err := s.envoy.Admin(t.Context(), "/server_info")
	if err != nil {
		t.Fatal(err)
	}
	var info struct{ Version string }
	if err := json.Unmarshal(body, &info); err != nil {
		t.Fatal(err)
	}
	return strings.Split(info.Version, "/")[1]
}

func startTap(t *testing.T, sample envoy.Sample) *tap {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tap := &tap{addr: listener.Addr().String(), sample: sample}
	server := grpc.NewServer(grpc.ForceServerCodecV2(rawCodec{encoding.GetCodecV2("proto")}), grpc.UnknownServiceHandler(tap.serve),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Second}))
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		<-served
	})
	return tap
}

// serve takes the messages of one stream of any service. An ext_proc stream it ends after the first, as the service does.
func (p *tap) serve(_ any, stream grpc.ServerStream) error {
	full, _ := grpc.MethodFromServerStream(stream)
	method := full[strings.LastIndexByte(full, '/')+1:]
	for first := true; ; first = false {
		var message []byte
		if err := stream.RecvMsg(&message); err != nil {
			return nil //nolint:nilerr // the ordinary end of a stream
		}
		p.keep(method, message)
		switch {
		case method == "Process":
			return nil
		case first && method == "StreamLoadStats":
			if err := stream.SendMsg(&loadstatsv3.LoadStatsResponse{
				SendAllClusters: true, LoadReportingInterval: durationpb.New(time.Second), ReportEndpointGranularity: true,
			}); err != nil {
				return err
			}
		}
	}
}

func (p *tap) keep(method string, message []byte) {
	switch method {
	case "StreamLoadStats":
		message = cutReport(message)
	case "StreamAccessLogs":
		message = cutLog(message)
	}
	if message == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kept = append(p.kept, recorded{p.sample, method, message})
}

// complete says whether something came of each service that the sample talks to.
func (p *tap) complete() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	has := func(method string) bool {
		return slices.ContainsFunc(p.kept, func(r recorded) bool { return r.Method == method })
	}
	return has("StreamLoadStats") && (has("Process") || has("StreamAccessLogs"))
}

// cutReport leaves out what makes a report long: the node but for its id, and clusters without news.
func cutReport(message []byte) []byte {
	var r loadstatsv3.LoadStatsRequest
	if proto.Unmarshal(message, &r) != nil {
		return message
	}
	r.Node = cutNode(r.GetNode())
	r.ClusterStats = slices.DeleteFunc(r.GetClusterStats(), func(c *endpointv3.ClusterStats) bool {
		return len(c.GetUpstreamLocalityStats()) == 0 && c.GetTotalDroppedRequests() == 0
	})
	if len(r.GetClusterStats()) == 0 {
		return nil
	}
	short, _ := proto.Marshal(&r)
	return short
}

func cutLog(message []byte) []byte {
	var m accesslogv3.StreamAccessLogsMessage
	if proto.Unmarshal(message, &m) != nil {
		return message
	}
	if m.GetIdentifier() != nil {
		m.Identifier.Node = cutNode(m.GetIdentifier().GetNode())
	}
	short, _ := proto.Marshal(&m)
	return short
}

func cutNode(n *corev3.Node) *corev3.Node {
	return &corev3.Node{Id: n.GetId(), Cluster: n.GetCluster(), UserAgentName: n.GetUserAgentName()}
}

// rawCodec leaves what is received as bytes.
type rawCodec struct{ encoding.CodecV2 }

func (c rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	if raw, ok := v.(*[]byte); ok {
		*raw = data.Materialize()
		return nil
	}
	return c.CodecV2.Unmarshal(data, v)
}
