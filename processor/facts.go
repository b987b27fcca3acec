package processor

import (
	"bytes"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/envoy-passive-health/passive-health/health"
)

// Kind is which of the six messages a ProcessingRequest carries. Its values are the field numbers in the oneof.
type Kind uint8

// The kinds. NoKind is a ProcessingRequest without any, such as a mere window update.
const (
	NoKind           Kind = 0
	RequestHeaders   Kind = 2
	ResponseHeaders  Kind = 3
	RequestBody      Kind = 4
	ResponseBody     Kind = 5
	RequestTrailers  Kind = 6
	ResponseTrailers Kind = 7
)

// Facts is what one ProcessingRequest says, as far as we want to know. Its byte slices are parts of the message: they
// are valid as long as the message's bytes are. What was not said is zero.
type Facts struct {
	Kind          Kind
	Observability bool // nobody waits for an answer
	Message       Message
	Attributes    Attributes
	RequestBody   BodyMode // how bodies are sent; only the first message of a stream says
	ResponseBody  BodyMode
}

// Message is what headers, a body or trailers say.
type Message struct {
	Status      int               // of the first ":status" header, 100 to 599; 0 if it is no such number
	GRPC        health.GRPCStatus // of the first "grpc-status" header or trailer, if HasGRPC
	HasGRPC     bool              // there is one, and it is a gRPC status
	GRPCContent bool              // content-type is application/grpc: trailers will follow
	EndOfStream bool
	Body        Body

	sawStatus, sawGRPC bool
}

// Attributes is what Envoy says of the request beside its headers (response_attributes in the filter's configuration).
type Attributes struct {
	Address  []byte // upstream.address
	Cluster  []byte // xds.cluster_name
	Reporter []byte // xds.node.id
	Route    []byte // xds.route_name
	Details  []byte // response.code_details
	Code     int    // response.code, 100 to 599
}

// attributesKey is under which name of the attributes map an ext_proc filter sends its own, whatever it is called.
const attributesKey = "envoy.filters.http.ext_proc"

// ReadFacts reads the bytes of a ProcessingRequest. It merges repeated fields as protobuf does, and returns an error
// for what protobuf refuses, and for messages nested deeper than 100. It allocates nothing.
func ReadFacts(raw []byte) (Facts, error) {
	var f Facts
	if !sound(raw, request, maxDepth) {
		return f, errMalformed
	}
	for c := (cursor{rest: raw}); c.next(); {
		f.read(&c)
	}
	return f, nil
}

func (f *Facts) read(c *cursor) {
	switch {
	case c.is(10, protowire.VarintType):
		f.Observability = c.number != 0
	case c.typ != protowire.BytesType:
	case c.num >= protowire.Number(RequestHeaders) && c.num <= protowire.Number(ResponseTrailers):
		f.readMessage(Kind(c.num), c.bytes)
	case c.num == 9:
		if string(entryKey(c.bytes)) == attributesKey {
			f.Attributes = Attributes{} // a later entry of a map replaces an earlier one
			f.Attributes.readEntry(c.bytes)
		}
	case c.num == 11:
		f.readConfig(c.bytes)
	}
}

// readMessage reads one member of the oneof: the same member again is merged, another one takes its place.
func (f *Facts) readMessage(kind Kind, b []byte) {
	if f.Kind != kind {
		f.Kind, f.Message = kind, Message{}
	}
	switch kind {
	case RequestBody, ResponseBody:
		f.Message.Body.read(b)
		f.Message.EndOfStream = f.Message.Body.EndOfStream
	case RequestTrailers, ResponseTrailers:
		f.Message.readHeaderMap(b)
	default:
		f.Message.readHeaders(b)
	}
}

func (f *Facts) readConfig(b []byte) {
	for c := (cursor{rest: b}); c.next(); {
		switch {
		case c.is(1, protowire.VarintType):
			f.RequestBody = BodyMode(c.number) //nolint:gosec // an enum is the low 32 bits, in protobuf as here
		case c.is(2, protowire.VarintType):
			f.ResponseBody = BodyMode(c.number) //nolint:gosec // as above
		}
	}
}

func (m *Message) readHeaders(b []byte) {
	m.readHeaderMap(b)
	for c := (cursor{rest: b}); c.next(); {
		if c.is(3, protowire.VarintType) {
			m.EndOfStream = c.number != 0
		}
	}
}

// readHeaderMap reads the headers of an HttpHeaders or an HttpTrailers: field 1 in both.
func (m *Message) readHeaderMap(b []byte) {
	for c := (cursor{rest: b}); c.next(); {
		if !c.is(1, protowire.BytesType) {
			continue
		}
		for h := (cursor{rest: c.bytes}); h.next(); {
			if h.is(1, protowire.BytesType) {
				m.readHeader(h.bytes)
			}
		}
	}
}

// readHeader reads a HeaderValue. Envoy gives the value in raw_value, older ones in value. Only the first of several
// equal headers says something.
func (m *Message) readHeader(b []byte) {
	var name, text, raw []byte
	for c := (cursor{rest: b}); c.next(); {
		switch {
		case c.is(1, protowire.BytesType):
			name = c.bytes
		case c.is(2, protowire.BytesType):
			text = c.bytes
		case c.is(3, protowire.BytesType):
			raw = c.bytes
		}
	}
	if len(raw) == 0 {
		raw = text
	}
	m.setHeader(name, raw)
}

func (m *Message) setHeader(name, value []byte) {
	switch string(name) {
	case ":status":
		if !m.sawStatus {
			m.sawStatus, m.Status = true, httpStatus(value)
		}
	case "grpc-status":
		if !m.sawGRPC {
			m.sawGRPC = true
			m.GRPC, m.HasGRPC = grpcStatus(value)
		}
	case "content-type":
		m.GRPCContent = isGRPC(value)
	}
}

// entryKey returns the key of a map's entry: the last of several, as protobuf does.
func entryKey(b []byte) (key []byte) {
	for c := (cursor{rest: b}); c.next(); {
		if c.is(1, protowire.BytesType) {
			key = c.bytes
		}
	}
	return key
}

// readEntry reads the entry of the attributes map. Its value, a Struct, may come in several parts, which merge.
func (a *Attributes) readEntry(b []byte) {
	for c := (cursor{rest: b}); c.next(); {
		if !c.is(2, protowire.BytesType) {
			continue
		}
		for s := (cursor{rest: c.bytes}); s.next(); {
			if s.is(1, protowire.BytesType) {
				a.readAttribute(s.bytes)
			}
		}
	}
}

// readAttribute reads one entry of the Struct. An attribute of an unexpected type says nothing.
func (a *Attributes) readAttribute(b []byte) {
	switch string(entryKey(b)) {
	case "upstream.address":
		a.Address, _ = entryValue(b)
	case "xds.cluster_name":
		a.Cluster, _ = entryValue(b)
	case "xds.node.id":
		a.Reporter, _ = entryValue(b)
	case "xds.route_name":
		a.Route, _ = entryValue(b)
	case "response.code_details":
		a.Details, _ = entryValue(b)
	case "response.code":
		_, number := entryValue(b)
		a.Code = wholeStatus(number)
	}
}

// entryValue returns the text or the number of a Struct's entry: the last member that was set of Value's oneof, over
// all parts of the Value.
func entryValue(b []byte) (text []byte, number float64) {
	for c := (cursor{rest: b}); c.next(); {
		if !c.is(2, protowire.BytesType) {
			continue
		}
		for v := (cursor{rest: c.bytes}); v.next(); {
			switch {
			case v.is(3, protowire.BytesType):
				text, number = v.bytes, 0
			case v.is(2, protowire.Fixed64Type):
				text, number = nil, math.Float64frombits(v.number)
			case v.is(1, protowire.VarintType), v.is(4, protowire.VarintType), v.is(5, protowire.BytesType), v.is(6, protowire.BytesType):
				text, number = nil, 0
			}
		}
	}
	return text, number
}

// isGRPC says whether a content type is gRPC's: "application/grpc", "application/grpc+proto", and not grpc-web,
// whose trailers are in the body.
func isGRPC(contentType []byte) bool {
	rest, ok := bytes.CutPrefix(contentType, []byte("application/grpc"))
	return ok && (len(rest) == 0 || rest[0] == '+' || rest[0] == ';')
}
