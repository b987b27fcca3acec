package processor

import (
	"context"
	"errors"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/envoy-passive-health/passive-health/health"
)

// exchange is one stream: one request that went through an Envoy.
type exchange struct {
	server  *Server
	stream  grpc.ServerStream
	message rawRequest

	requestBody, responseBody BodyMode

	headers  bool               // final response headers have been seen,
	response health.Observation // this is what they said,
	drop     Drop               // or why it was not charged
}

// run takes messages until the stream has given what is wanted of it, or ends.
func (x *exchange) run() Result {
	defer x.message.free()
	for {
		if err := x.stream.RecvMsg(&x.message); err != nil {
			return ended(err)
		}
		if result := x.take(); result != "" {
			return result
		}
	}
}

// take takes one message; the stream goes on if it returns no result.
func (x *exchange) take() Result {
	x.server.stats.messages.Add(1)
	if x.message.tooLarge {
		return x.refuse(DropTooLarge)
	}
	f, err := ReadFacts(x.message.bytes())
	if err != nil {
		return x.refuse(DropMalformed)
	}
	if f.Kind == NoKind {
		return x.refuse(DropUnexpected)
	}
	x.observe(&f)
	if !f.Observability {
		return x.answer(&f)
	}
	if x.done(&f) {
		return ResultDone
	}
	return ""
}

// refuse ends the stream over a message that cannot be used. It ends well: an error could become a failed request.
func (x *exchange) refuse(why Drop) Result {
	x.server.stats.drop(why)
	return ResultRefused
}

func (x *exchange) observe(f *Facts) {
	switch {
	case f.Kind == ResponseHeaders && !x.headers: // a stream has one response, and so one error at most
		x.observeHeaders(f)
	case f.Kind == ResponseTrailers && x.headers:
		x.observeTrailers(f)
	case f.Kind == ResponseTrailers:
		// The headers went unreported, so these trailers bring the attributes. They add nothing to the volume: all
		// responses are only seen by a filter that sends headers.
		o, drop := x.read(f)
		x.record(o, drop)
	}
}

// read makes the Observation independent of the message, which the next one overwrites.
func (x *exchange) read(f *Facts) (health.Observation, Drop) {
	o, drop := Observe(f)
	switch {
	case drop != "":
		x.server.excuse(f)
	case !x.server.options.Uses(o.Host.Cluster, f.sensor()):
		return o, DropSensorOff
	default:
		x.server.names.own(&o)
	}
	return o, drop
}

func (x *exchange) observeHeaders(f *Facts) {
	o, drop := x.read(f)
	if drop == "" && x.server.options.AllResponses(o.Host.Cluster) {
		o.Requests = 1
	}
	x.record(o, drop)
}

// observeTrailers looks at trailers whose headers have been recorded. Only a failing gRPC status is news, and only
// after HTTP's 200: anything else has been counted for what it is. Attributes came with the headers.
func (x *exchange) observeTrailers(f *Facts) {
	const ok = 200
	o := x.response
	if x.drop == "" && o.Outcome == health.Response && o.Status == ok && o.GRPC == 0 && f.Message.GRPC != 0 {
		o.GRPC, o.Requests = f.Message.GRPC, 0
		x.record(o, "")
	}
}

// record hands an Observation on, or counts why there is none, and remembers either for the trailers.
func (x *exchange) record(o health.Observation, drop Drop) {
	if drop != "" {
		x.server.stats.drop(drop)
	} else {
		x.server.recordShown(time.Now(), o)
	}
	x.headers, x.response, x.drop = drop != DropInterim, o, drop
}

// done says whether Envoy has nothing more to tell that is wanted. Trailers are waited for only after the headers of a
// gRPC response: for any other, Envoy would keep the stream five seconds in vain. It follows that content-type is to
// be forwarded only where trailers are sent.
func (x *exchange) done(f *Facts) bool {
	switch f.Kind {
	case ResponseHeaders:
		return !f.interim() && (!f.Message.GRPCContent || f.Message.EndOfStream)
	case ResponseBody:
		return f.Message.EndOfStream || !x.headers
	case ResponseTrailers:
		return true
	default:
		return false // the response is to come
	}
}

// answer lets the request go on.
func (x *exchange) answer(f *Facts) Result {
	if f.RequestBody != 0 || f.ResponseBody != 0 {
		x.requestBody, x.responseBody = f.RequestBody, f.ResponseBody
	}
	mode := x.responseBody
	if f.Kind == RequestBody {
		mode = x.requestBody
	}
	if err := x.stream.SendMsg(reply(f, mode)); err != nil {
		return ended(err)
	}
	return ""
}

// ended names the end that an error of the stream means. Envoy ends streams by half-closing or by resetting them:
// both are normal.
func ended(err error) Result {
	switch {
	case errors.Is(err, io.EOF):
		return ResultEOF
	case errors.Is(err, context.Canceled), status.Code(err) == codes.Canceled:
		return ResultCanceled
	default:
		return ResultBroken
	}
}
