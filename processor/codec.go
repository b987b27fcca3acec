package processor

import (
	"cmp"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
)

// MaxMessage is the largest ProcessingRequest that is read, in bytes. With what the samples ask for it is below 1000.
const MaxMessage = 64 << 10

// rawRequest is a ProcessingRequest or a LoadStatsRequest as it came. It holds the buffer until free.
type rawRequest struct {
	buffer   mem.Buffer
	limit    int // in bytes; 0 stands for MaxMessage
	tooLarge bool
}

// bytes returns the message, valid until free.
func (r *rawRequest) bytes() []byte {
	if r.buffer == nil {
		return nil
	}
	return r.buffer.ReadOnlyData()
}

func (r *rawRequest) free() {
	if r.buffer != nil {
		r.buffer.Free()
		r.buffer = nil
	}
}

// rawResponse is a ProcessingResponse as it goes out. It is never written to, so that many streams may send the same one.
type rawResponse struct{ data mem.BufferSlice }

func newResponse(b []byte) *rawResponse { return &rawResponse{mem.BufferSlice{mem.SliceBuffer(b)}} }

// codec passes ext_proc's messages and load reports through as bytes and leaves all other messages to protobuf.
type codec struct {
	encoding.CodecV2

	reports mem.BufferPool // for load reports
}

// newCodec returns the codec. gRPC's own pool holds a load report in a buffer of 1 MiB and clears that each time, which
// costs more than to read the report.
func newCodec() codec {
	return codec{encoding.GetCodecV2(proto.Name), mem.NewTieredBufferPool(64<<10, 96<<10, 256<<10, 1<<20, MaxReport)}
}

// Marshal is encoding.CodecV2.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	if raw, ok := v.(*rawResponse); ok {
		return raw.data, nil
	}
	return c.CodecV2.Marshal(v)
}

// Unmarshal is encoding.CodecV2. A message over the limit is no error here: gRPC would answer one with a status that
// Envoy may turn into a failed request.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	raw, ok := v.(*rawRequest)
	if !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	raw.free()
	pool := mem.DefaultBufferPool()
	if raw.limit > MaxMessage {
		pool = c.reports
	}
	if raw.tooLarge = data.Len() > cmp.Or(raw.limit, MaxMessage); !raw.tooLarge {
		raw.buffer = data.MaterializeToBuffer(pool)
	}
	return nil
}
