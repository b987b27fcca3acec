package processor

import "google.golang.org/grpc"

// Load reports and access logs come on streams that Envoy keeps open for as long as it runs. What it had not sent when
// such a stream ends is lost, so nothing here ends one but EndStreams.

// reading is the goroutine that takes a long stream's messages. gRPC lets it go when the stream's handler returns, and
// not before: a handler that is to end at our word cannot itself be waiting for a message.
type reading struct {
	stream grpc.ServerStream
	opened chan struct{} // closed by read once it has seen who is there
	ended  chan Result   // has room for the one result
}

// follow starts read on a goroutine.
func (s *Server) follow(stream grpc.ServerStream, method string, read func(*reading) Result) *reading {
	r := &reading{stream: stream, opened: make(chan struct{}), ended: make(chan Result, 1)}
	go func() {
		result := ResultPanic // unless read returns
		defer func() {
			if fault := recover(); fault != nil {
				_ = s.panicked(method, fault) // counts and logs it
			}
			r.ended <- result
		}()
		result = read(r)
	}()
	return r
}

// EndStreams ends the streams that Envoys never end: load reports and access logs. Call it before a graceful stop,
// which would wait for them. Envoys come back after 5 seconds and lose what they have counted by then.
func (s *Server) EndStreams() { s.endOnce.Do(func() { close(s.ending) }) }
