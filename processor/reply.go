package processor

import "google.golang.org/protobuf/encoding/protowire"

// BodyMode is how a filter sends bodies (ProcessingMode.BodySendMode).
type BodyMode int32

// The modes in which Envoy forwards only what we send back. In all others an empty answer lets the body through.
const (
	bodyFullDuplex BodyMode = 4
	bodyGRPC       BodyMode = 5
)

// streamed says whether a body is lost that is not sent back.
func (m BodyMode) streamed() bool { return m == bodyFullDuplex || m == bodyGRPC }

// Body is a part of a body. Field numbers are the same in HttpBody, which comes in, and StreamedBodyResponse, which
// goes out.
type Body struct {
	Bytes          []byte // field 1
	EndOfStream    bool   // field 2
	WithoutMessage bool   // field 3: the end, and no gRPC message before it
	Compressed     bool   // field 4
}

func (b *Body) read(raw []byte) {
	for c := (cursor{rest: raw}); c.next(); {
		switch {
		case c.is(1, protowire.BytesType):
			b.Bytes = c.bytes
		case c.is(2, protowire.VarintType):
			b.EndOfStream = c.number != 0
		case c.is(3, protowire.VarintType):
			b.WithoutMessage = c.number != 0
		case c.is(4, protowire.VarintType):
			b.Compressed = c.number != 0
		}
	}
}

// continues holds the marshalled ProcessingResponse that says "continue, unchanged" for each kind: an empty message
// in the member of the oneof that belongs to it.
var continues = [...]*rawResponse{
	RequestHeaders:   newResponse([]byte{0x0a, 0}),
	ResponseHeaders:  newResponse([]byte{0x12, 0}),
	RequestBody:      newResponse([]byte{0x1a, 0}),
	ResponseBody:     newResponse([]byte{0x22, 0}),
	RequestTrailers:  newResponse([]byte{0x2a, 0}),
	ResponseTrailers: newResponse([]byte{0x32, 0}),
}

// reply returns the answer to a message of one of the six kinds. Bodies are sent in the given mode.
func reply(f *Facts, mode BodyMode) *rawResponse {
	if isBody := f.Kind == RequestBody || f.Kind == ResponseBody; isBody && mode.streamed() {
		return newResponse(echo(f.Kind, &f.Message.Body))
	}
	return continues[f.Kind]
}

// echo returns the answer that sends a part of a body back as it came:
// ProcessingResponse{BodyResponse{CommonResponse{BodyMutation{StreamedBodyResponse}}}}.
func echo(kind Kind, body *Body) []byte {
	var b []byte
	if len(body.Bytes) > 0 {
		b = protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), body.Bytes)
	}
	for i, set := range []bool{body.EndOfStream, body.WithoutMessage, body.Compressed} {
		if set {
			b = protowire.AppendVarint(protowire.AppendTag(b, protowire.Number(i+2), protowire.VarintType), 1)
		}
	}
	const streamedResponse, bodyMutation, response = 3, 3, 1
	for _, num := range []protowire.Number{streamedResponse, bodyMutation, response, protowire.Number(kind) - 1} {
		b = protowire.AppendBytes(protowire.AppendTag(nil, num, protowire.BytesType), b)
	}
	return b
}
