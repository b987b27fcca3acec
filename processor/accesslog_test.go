package processor_test

import (
	"testing"
	"testing/synctest"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	datav3 "github.com/envoyproxy/go-control-plane/envoy/data/accesslog/v3"
	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/service/accesslog/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/envoy-passive-health/passive-health/health"
	"github.com/envoy-passive-health/passive-health/processor"
)

// entry is what Envoy 1.40.0 logs of a host's 503.
func entry(change func(*datav3.HTTPAccessLogEntry)) *datav3.HTTPAccessLogEntry {
	e := &datav3.HTTPAccessLogEntry{
		CommonProperties: &datav3.AccessLogCommon{
			UpstreamRemoteAddress: hostLoad("10.0.0.1", 0, 0).GetAddress(),
			UpstreamCluster:       "web",
			RouteName:             "default",
			ResponseFlags:         &datav3.ResponseFlags{},
		},
		Response: &datav3.HTTPResponseProperties{ResponseCode: wrapperspb.UInt32(503)},
	}
	if change != nil {
		change(e)
	}
	return e
}

// answered is an entry with a code and flags; a code of 0 is none.
func answered(code uint32, flags *datav3.ResponseFlags) *datav3.HTTPAccessLogEntry {
	return entry(func(e *datav3.HTTPAccessLogEntry) {
		e.CommonProperties.ResponseFlags = flags
		e.Response.ResponseCode = nil
		if code != 0 {
			e.Response.ResponseCode = wrapperspb.UInt32(code)
		}
	})
}

// flags of a response; each row has one at most.
var (
	refusedFlag  = &datav3.ResponseFlags{UpstreamConnectionFailure: true}
	timeoutFlag  = &datav3.ResponseFlags{UpstreamRequestTimeout: true}
	closedFlag   = &datav3.ResponseFlags{UpstreamConnectionTermination: true}
	resetFlag    = &datav3.ResponseFlags{UpstreamRemoteReset: true}
	garbageFlag  = &datav3.ResponseFlags{UpstreamProtocolError: true}
	overflowFlag = &datav3.ResponseFlags{UpstreamOverflow: true}
)

// The rows are those that a real Envoy gave, and then what must not be believed.
func TestObserveEntry(t *testing.T) {
	outcome := func(o health.Outcome) health.Observation {
		return observation(func(seen *health.Observation) { seen.Outcome, seen.Status, seen.Reporter = o, 0, "" })
	}
	status := func(code int, grpc health.GRPCStatus) health.Observation {
		return observation(func(seen *health.Observation) { seen.Status, seen.GRPC, seen.Reporter = code, grpc, "" })
	}
	code := func(grpc string) map[string]string { return map[string]string{"grpc-status": grpc} }
	grpcEntry := func(trailers, headers map[string]string) *datav3.HTTPAccessLogEntry {
		return entry(func(e *datav3.HTTPAccessLogEntry) {
			e.Response.ResponseCode = wrapperspb.UInt32(200)
			e.Response.ResponseTrailers, e.Response.ResponseHeaders = trailers, headers
		})
	}
	tests := map[string]struct {
		entry *datav3.HTTPAccessLogEntry
		want  health.Observation
		drop  processor.Drop
	}{
		"200":                           {answered(200, nil), status(200, 0), ""},
		"503":                           {entry(nil), status(503, 0), ""},
		"refused":                       {answered(0, refusedFlag), outcome(health.ConnectFailure), ""},
		"per-try timeout":               {answered(0, timeoutFlag), outcome(health.Timeout), ""},
		"closed before headers":         {answered(0, closedFlag), outcome(health.Reset), ""},
		"reset before headers":          {answered(0, resetFlag), outcome(health.Reset), ""},
		"garbage":                       {answered(0, garbageFlag), outcome(health.Reset), ""},
		"route timeout, client's abort": {answered(0, nil), health.Observation{}, processor.DropNoStatus},
		"our own reset":                 {answered(0, &datav3.ResponseFlags{LocalReset: true}), health.Observation{}, processor.DropNoStatus},
		"max_requests overflow":         {answered(0, overflowFlag), health.Observation{}, processor.DropOverflow},
		"reset mid-body, h1":            {answered(200, garbageFlag), outcome(health.LateReset), ""},
		"reset mid-body, h2":            {answered(200, resetFlag), outcome(health.LateReset), ""},
		"closed mid-body":               {answered(206, closedFlag), outcome(health.LateReset), ""},
		"route timeout mid-body":        {answered(200, nil), status(200, 0), ""},
		"hedged and good, with a flag":  {answered(200, timeoutFlag), status(200, 0), ""},
		"hedged and bad, with a flag":   {answered(503, timeoutFlag), status(503, 0), ""},
		"good, with UF":                 {answered(200, refusedFlag), status(200, 0), ""},
		"503 and reset":                 {answered(503, resetFlag), status(503, 0), ""},
		"gRPC trailers":                 {grpcEntry(code("14"), nil), status(200, 14), ""},
		"gRPC trailers-only":            {grpcEntry(nil, code("14")), status(200, 14), ""},
		"gRPC, trailers before headers": {grpcEntry(code("4"), code("0")), status(200, 4), ""},
		"gRPC, no status sent":          {grpcEntry(nil, nil), status(200, 0), ""},
		"no such code":                  {answered(1000, nil), health.Observation{}, processor.DropNoStatus},
		"nothing at all":                {&datav3.HTTPAccessLogEntry{}, health.Observation{}, processor.DropNoHost},
		"pending overflow":              {overflowWithoutHost(), health.Observation{}, processor.DropOverflow},
		"no cluster": {
			entry(func(e *datav3.HTTPAccessLogEntry) { e.CommonProperties.UpstreamCluster = "" }), health.Observation{}, processor.DropNoCluster,
		},
		"pipe": {
			entry(func(e *datav3.HTTPAccessLogEntry) {
				e.CommonProperties.UpstreamRemoteAddress = &corev3.Address{Address: &corev3.Address_Pipe{Pipe: &corev3.Pipe{Path: "/p"}}}
			}), health.Observation{}, processor.DropBadAddress,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, drop := processor.ObserveEntry(tt.entry)
			if drop != tt.drop || drop == "" && got != tt.want {
				t.Errorf("got %+v (%q), want %+v (%q)", got, drop, tt.want, tt.drop)
			}
		})
	}
}

func overflowWithoutHost() *datav3.HTTPAccessLogEntry {
	e := answered(0, overflowFlag)
	e.CommonProperties.UpstreamRemoteAddress = nil
	return e
}

func logMessage(node string, entries ...*datav3.HTTPAccessLogEntry) *accesslogv3.StreamAccessLogsMessage {
	m := &accesslogv3.StreamAccessLogsMessage{LogEntries: &accesslogv3.StreamAccessLogsMessage_HttpLogs{
		HttpLogs: &accesslogv3.StreamAccessLogsMessage_HTTPAccessLogEntries{LogEntry: entries},
	}}
	if node != "" {
		m.Identifier = &accesslogv3.StreamAccessLogsMessage_Identifier{Node: &corev3.Node{Id: node}, LogName: "passive-health"}
	}
	return m
}

// logs is one worker's access-log stream.
type logs struct {
	t      *testing.T
	stream accesslogv3.AccessLogService_StreamAccessLogsClient
}

func openLogs(t *testing.T, conn *grpc.ClientConn) *logs {
	t.Helper()
	stream, err := accesslogv3.NewAccessLogServiceClient(conn).StreamAccessLogs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return &logs{t, stream}
}

func (l *logs) send(m *accesslogv3.StreamAccessLogsMessage) {
	l.t.Helper()
	if err := l.stream.Send(m); err != nil {
		l.t.Fatal(err)
	}
	synctest.Wait()
}

// Only the first message names the Envoy. A bad message is left out, and the stream goes on.
func TestAccessLogs(t *testing.T) {
	synctest.Test(t, testAccessLogs)
}

func testAccessLogs(t *testing.T) {
	r := &recorder{}
	s, conn := serve(t, r, processor.Options{})
	l := openLogs(t, conn)
	l.send(logMessage("envoy-a", entry(nil), answered(0, nil)))
	damaged := logMessage("")
	damaged.ProtoReflect().SetUnknown([]byte{0x12, 0x02, 0x0a, 0x09})
	l.send(damaged)
	l.send(&accesslogv3.StreamAccessLogsMessage{LogEntries: &accesslogv3.StreamAccessLogsMessage_TcpLogs{}})
	l.send(logMessage(string(make([]byte, processor.MaxLog))))
	l.send(logMessage("", answered(0, refusedFlag)))
	if _, err := l.stream.CloseAndRecv(); err != nil {
		t.Errorf("the stream's end: %v", err)
	}
	wantSeen(t, r, observation(nil), observation(func(o *health.Observation) { o.Outcome, o.Status = health.ConnectFailure, 0 }))
	st := s.Stats()
	if got := st.AccessLogs; got.Messages != 5 || got.Entries != 3 || got.Streams[processor.ResultEOF] != 1 || got.ActiveStreams != 0 {
		t.Errorf("stats = %+v, want 5 messages, 3 entries, one stream ended", got)
	}
	for _, why := range []processor.Drop{processor.DropNoStatus, processor.DropMalformed, processor.DropUnexpected, processor.DropTooLarge} {
		if st.Dropped[why] != 1 {
			t.Errorf("%d dropped as %s, want 1", st.Dropped[why], why)
		}
	}
}

func TestAccessLogsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, conn := serve(t, &recorder{}, processor.Options{})
		l := openLogs(t, conn)
		l.send(logMessage("envoy-a", entry(nil)))
		s.EndStreams()
		synctest.Wait()
		if st := s.Stats().AccessLogs; st.Streams[processor.ResultStopped] != 1 || st.ActiveStreams != 0 {
			t.Errorf("stats = %+v, want one stopped stream", st)
		}
	})
}

// What an access log shows, a load report does not charge again; a route timeout, which it cannot show, is hidden.
func TestAccessLogsExplainLoadReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, conn := serve(t, &recorder{}, processor.Options{})
		s.SetClusters(clusters("web"))
		reports, log := openLoads(t, conn, "envoy-a"), openLogs(t, conn)
		log.send(logMessage("envoy-a", entry(nil), answered(0, nil), answered(0, overflowFlag), answered(404, nil)))
		<-time.After(time.Second)
		reports.send(hostLoad("10.0.0.1", 1, 3))
		<-time.After(time.Second)
		reports.send()
		if got := s.Stats().LoadReports.Hidden; got != 1 {
			t.Errorf("%d hidden failures, want the route timeout", got)
		}
	})
}
