package processor_test

import (
	"testing"
	"testing/synctest"

	extprocconfigv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"

	"github.com/envoy-passive-health/passive-health/processor"
)

// conversation is one request and its response in ordinary mode: all six messages, and the answer to each.
func conversation(t *testing.T) (requests []*extprocv3.ProcessingRequest, answers []*extprocv3.ProcessingResponse) {
	t.Helper()
	type (
		in  = extprocv3.ProcessingRequest
		out = extprocv3.ProcessingResponse
	)
	body := &extprocv3.HttpBody{Body: []byte("hello"), EndOfStream: true}
	requests = []*in{
		{Request: &extprocv3.ProcessingRequest_RequestHeaders{RequestHeaders: &extprocv3.HttpHeaders{Headers: headers(":method", "GET")}}},
		{Request: &extprocv3.ProcessingRequest_RequestBody{RequestBody: body}},
		{Request: &extprocv3.ProcessingRequest_RequestTrailers{RequestTrailers: &extprocv3.HttpTrailers{}}},
		with(t, responseHeaders(":status", "503"), attributes(nil)),
		{Request: &extprocv3.ProcessingRequest_ResponseBody{ResponseBody: body}},
		responseTrailers("x", "y"),
	}
	answers = []*out{
		{Response: &extprocv3.ProcessingResponse_RequestHeaders{RequestHeaders: &extprocv3.HeadersResponse{}}},
		{Response: &extprocv3.ProcessingResponse_RequestBody{RequestBody: &extprocv3.BodyResponse{}}},
		{Response: &extprocv3.ProcessingResponse_RequestTrailers{RequestTrailers: &extprocv3.TrailersResponse{}}},
		{Response: &extprocv3.ProcessingResponse_ResponseHeaders{ResponseHeaders: &extprocv3.HeadersResponse{}}},
		{Response: &extprocv3.ProcessingResponse_ResponseBody{ResponseBody: &extprocv3.BodyResponse{}}},
		{Response: &extprocv3.ProcessingResponse_ResponseTrailers{ResponseTrailers: &extprocv3.TrailersResponse{}}},
	}
	return requests, answers
}

func TestOrdinaryMode(t *testing.T) {
	synctest.Test(t, testOrdinaryMode)
}

func testOrdinaryMode(t *testing.T) {
	r := &recorder{}
	s, conn := serve(t, r, processor.Options{})
	e := open(t, conn)
	requests, answers := conversation(t)
	for i := range requests {
		e.send(requests[i])
		e.answers(answers[i])
	}
	e.halfClose()
	e.ends()
	wantResult(t, s, processor.ResultEOF)
	wantSeen(t, r, observation(nil))
}

// Each direction has its mode: here the response's body is not streamed, so nothing comes back.
func TestOrdinaryModeOneStreamedBody(t *testing.T) {
	synctest.Test(t, testOrdinaryModeOneStreamedBody)
}

func testOrdinaryModeOneStreamedBody(t *testing.T) {
	_, conn := serve(t, &recorder{}, processor.Options{})
	e := open(t, conn)
	requests, answers := conversation(t)
	requests[0].ProtocolConfig = &extprocv3.ProtocolConfiguration{
		RequestBodyMode:  extprocconfigv3.ProcessingMode_FULL_DUPLEX_STREAMED,
		ResponseBodyMode: extprocconfigv3.ProcessingMode_BUFFERED,
	}
	answers[1] = &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_RequestBody{
		RequestBody: streamed(&extprocv3.StreamedBodyResponse{Body: []byte("hello"), EndOfStream: true}),
	}}
	for i := range requests {
		e.send(requests[i])
		e.answers(answers[i])
	}
}

// Where Envoy forwards only what comes back, each body comes back as it is.
func TestOrdinaryModeStreamedBodies(t *testing.T) {
	synctest.Test(t, testOrdinaryModeStreamedBodies)
}

func testOrdinaryModeStreamedBodies(t *testing.T) {
	_, conn := serve(t, &recorder{}, processor.Options{})
	e := open(t, conn)
	requests, answers := conversation(t)
	requests[0].ProtocolConfig = &extprocv3.ProtocolConfiguration{
		RequestBodyMode:  extprocconfigv3.ProcessingMode_FULL_DUPLEX_STREAMED,
		ResponseBodyMode: extprocconfigv3.ProcessingMode_GRPC,
	}
	requests[1] = &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_RequestBody{
		RequestBody: &extprocv3.HttpBody{Body: []byte("hello")},
	}}
	requests[4] = &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_ResponseBody{
		ResponseBody: &extprocv3.HttpBody{EndOfStream: true, EndOfStreamWithoutMessage: true, GrpcMessageCompressed: true},
	}}
	answers[1] = &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_RequestBody{
		RequestBody: streamed(&extprocv3.StreamedBodyResponse{Body: []byte("hello")}),
	}}
	answers[4] = &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_ResponseBody{
		ResponseBody: streamed(&extprocv3.StreamedBodyResponse{EndOfStream: true, EndOfStreamWithoutMessage: true, GrpcMessageCompressed: true}),
	}}
	for i := range requests {
		e.send(requests[i])
		e.answers(answers[i])
	}
}

func streamed(b *extprocv3.StreamedBodyResponse) *extprocv3.BodyResponse {
	return &extprocv3.BodyResponse{Response: &extprocv3.CommonResponse{BodyMutation: &extprocv3.BodyMutation{
		Mutation: &extprocv3.BodyMutation_StreamedResponse{StreamedResponse: b},
	}}}
}
