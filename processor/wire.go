package processor

import (
	"errors"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// errMalformed is the one fault of a message's bytes: which one it is helps nobody, since nobody typed them.
var errMalformed = errors.New("malformed ProcessingRequest")

// cursor goes through the fields of one protobuf message. After next has said true, num, typ and, by the type, bytes
// or number are those of the field; after it has said false, bad tells a fault from the end.
type cursor struct {
	rest   []byte
	num    protowire.Number
	typ    protowire.Type
	bytes  []byte // of a length-delimited field
	number uint64 // of a varint or a fixed64 field
	bad    bool
}

func (c *cursor) next() bool {
	if len(c.rest) == 0 {
		return false
	}
	tag, n := varint(c.rest)
	if n < 0 || tag>>3 < uint64(protowire.MinValidNumber) || tag>>3 > uint64(protowire.MaxValidNumber) {
		return c.fail()
	}
	c.num, c.typ, c.rest = protowire.Number(tag>>3), protowire.Type(tag&7), c.rest[n:]
	if n = c.value(); n < 0 {
		return c.fail()
	}
	c.rest = c.rest[n:]
	return true
}

func (c *cursor) fail() bool {
	c.bad = true
	return false
}

// value reads the field's value and returns its length, negative for a fault.
func (c *cursor) value() (n int) {
	switch c.typ {
	case protowire.BytesType:
		return c.delimited()
	case protowire.VarintType:
		c.number, n = varint(c.rest)
	case protowire.Fixed64Type:
		c.number, n = protowire.ConsumeFixed64(c.rest)
	default:
		n = protowire.ConsumeFieldValue(c.num, c.typ, c.rest)
	}
	return n
}

func (c *cursor) delimited() (n int) {
	length, n := varint(c.rest)
	if n < 0 || length > uint64(len(c.rest)-n) { //nolint:gosec // n is within rest
		return -1
	}
	end := n + int(length) //nolint:gosec // checked above
	c.bytes = c.rest[n:end]
	return end
}

// varint is protowire.ConsumeVarint with a short way for what nearly all tags and lengths are: one byte.
func varint(b []byte) (v uint64, n int) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), 1
	}
	return protowire.ConsumeVarint(b)
}

// is says whether the field is the given one. A known number with another wire type is an unknown field to protobuf,
// and so it is here.
func (c *cursor) is(num protowire.Number, typ protowire.Type) bool {
	return c.num == num && c.typ == typ
}

// content is what a length-delimited field holds, as far as protobuf can refuse it: text must be UTF-8, a message
// must be sound in itself. Everything else is opaque.
type content uint8

const (
	opaque content = iota
	text
	request
	httpHeaders
	headerMap
	headerValue
	httpTrailers
	metadata
	anyMessage
	anyEntry
	structMessage
	structEntry // of a map from text to Struct
	value       // google.protobuf.Value
	valueEntry  // of a map from text to Value
	listValue   // google.protobuf.ListValue
	flatMessage // holds neither text nor messages
	loadReport  // LoadStatsRequest; its node is opaque, and skipped
	clusterStats
	localityStats
	endpointStats
	address
	socketAddress
	textMessage  // holds text in its first field
	threeTexts   // Locality; an internal address, which has two
	contentCount // how many there are
)

// schemas tells for each message what its fields hold, by field number. Messages are numbers and not pointers because
// they contain each other: a Struct a Value, a Value a Struct.
var schemas = [contentCount][]content{
	request: {
		2: httpHeaders, 3: httpHeaders, 4: flatMessage, 5: flatMessage, 6: httpTrailers, 7: httpTrailers,
		8: metadata, 9: structEntry, 11: flatMessage, 12: flatMessage, 13: flatMessage,
	},
	httpHeaders:   {1: headerMap, 2: structEntry},
	httpTrailers:  {1: headerMap},
	headerMap:     {1: headerValue},
	headerValue:   {1: text, 2: text},
	metadata:      {1: structEntry, 2: anyEntry},
	anyEntry:      {1: text, 2: anyMessage},
	anyMessage:    {1: text},
	structEntry:   {1: text, 2: structMessage},
	structMessage: {1: valueEntry},
	valueEntry:    {1: text, 2: value},
	value:         {3: text, 5: structMessage, 6: listValue},
	listValue:     {1: value},

	loadReport:    {2: clusterStats},
	clusterStats:  {1: text, 2: localityStats, 4: flatMessage, 5: textMessage, 6: text},
	localityStats: {1: threeTexts, 5: textMessage, 7: endpointStats, 12: flatMessage, 13: flatMessage, 14: flatMessage},
	endpointStats: {1: address, 5: textMessage, 6: structMessage},
	address:       {1: socketAddress, 2: textMessage, 3: threeTexts},
	socketAddress: {2: text, 4: text, 5: text, 7: text},
	textMessage:   {1: text},
	threeTexts:    {1: text, 2: text, 3: text},
}

// maxDepth bounds how deeply messages nest: the limit of Envoy's own decoder. All that is read is within six levels.
const maxDepth = 100

// sound says whether protobuf would accept b as a message of the given schema.
func sound(b []byte, of content, depth int) bool {
	if depth == 0 {
		return false
	}
	schema := schemas[of]
	c := cursor{rest: b}
	for c.next() {
		if c.typ == protowire.BytesType && int(c.num) < len(schema) && !soundField(c.bytes, schema[c.num], depth-1) {
			return false
		}
	}
	return !c.bad
}

func soundField(b []byte, of content, depth int) bool {
	switch of {
	case opaque:
		return true
	case text:
		return utf8.Valid(b)
	default:
		return sound(b, of, depth)
	}
}
