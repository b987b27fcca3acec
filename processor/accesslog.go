package processor

import (
	"errors"
	"io"
	"time"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/service/accesslog/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// MaxLog is the largest message of an access log that is read, in bytes. Envoy sends one at 16 KB, unless told otherwise.
const MaxLog = 1 << 20

const (
	logServiceName = "envoy.service.accesslog.v3.AccessLogService"
	logMethodName  = "StreamAccessLogs"
	logMethod      = "/" + logServiceName + "/" + logMethodName
)

// logServiceDesc is the generated description with the message types taken out, as serviceDesc is.
var logServiceDesc = grpc.ServiceDesc{
	ServiceName: logServiceName,
	HandlerType: (*any)(nil),
	Streams: []grpc.StreamDesc{{
		StreamName: logMethodName,
		Handler: func(s any, stream grpc.ServerStream) error {
			return s.(*Server).accessLogs(stream) //nolint:forcetypeassert,errcheck // Register gave it
		},
		ClientStreams: true,
	}},
	Metadata: "envoy/service/accesslog/v3/als.proto",
}

// accessLogs serves one worker of an Envoy.
func (s *Server) accessLogs(stream grpc.ServerStream) error {
	return s.stats.accessLogs.count(func() Result {
		r := s.follow(stream, logMethod, s.readLogs)
		select {
		case result := <-r.ended:
			return result
		case <-s.ending:
			return ResultStopped
		}
	})
}

// readLogs takes the messages. Only the first says who sends them.
func (s *Server) readLogs(r *reading) Result {
	message := rawRequest{limit: MaxLog}
	defer message.free()
	reporter := ""
	for {
		if err := r.stream.RecvMsg(&message); errors.Is(err, io.EOF) {
			_ = r.stream.SendMsg(&accesslogv3.StreamAccessLogsResponse{}) // who has gone needs no answer
			return ResultEOF
		} else if err != nil {
			return ended(err)
		}
		s.stats.logMessages.Add(1)
		if message.tooLarge {
			s.stats.drop(DropTooLarge)
			continue
		}
		s.takeLogs(&reporter, message.bytes())
		message.free()
	}
}

// takeLogs takes one message. A bad one is left out; the stream goes on.
func (s *Server) takeLogs(reporter *string, raw []byte) {
	var m accesslogv3.StreamAccessLogsMessage
	if err := proto.Unmarshal(raw, &m); err != nil {
		s.stats.drop(DropMalformed)
		return
	}
	if id := m.GetIdentifier().GetNode().GetId(); id != "" && len(id) <= MaxName {
		*reporter = s.names.copy(id)
	}
	if m.GetHttpLogs() == nil {
		s.stats.drop(DropUnexpected)
		return
	}
	at := time.Now()
	for _, e := range m.GetHttpLogs().GetLogEntry() {
		s.stats.entries.Add(1)
		o, drop := ObserveEntry(e)
		o.Reporter = *reporter
		if drop == "" && !s.options.Uses(o.Host.Cluster, AccessLog) {
			drop = DropSensorOff
		}
		if drop == "" {
			s.recordShown(at, o)
			continue
		}
		s.stats.drop(drop)
		if drop == DropOverflow && o.Host.Address.IsValid() {
			s.show(&o)
		}
	}
}
