package processor_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/envoy-passive-health/passive-health/health"
	"github.com/envoy-passive-health/passive-health/processor"
)

// reference reads a message with the generated type: slowly, and without a line in common with ReadFacts.
func reference(raw []byte) (f processor.Facts, err error) {
	var r extprocv3.ProcessingRequest
	if err := (proto.UnmarshalOptions{RecursionLimit: 100}).Unmarshal(raw, &r); err != nil {
		return f, err
	}
	f.Observability = r.GetObservabilityMode()
	f.RequestBody = processor.BodyMode(r.GetProtocolConfig().GetRequestBodyMode())
	f.ResponseBody = processor.BodyMode(r.GetProtocolConfig().GetResponseBodyMode())
	f.Attributes = referenceAttributes(r.GetAttributes()[attributesKey])
	f.Kind, f.Message = referenceMessage(&r)
	return f, nil
}

func referenceMessage(r *extprocv3.ProcessingRequest) (processor.Kind, processor.Message) {
	switch m := r.GetRequest().(type) {
	case *extprocv3.ProcessingRequest_RequestHeaders:
		return processor.RequestHeaders, referenceHeaders(m.RequestHeaders.GetHeaders(), m.RequestHeaders.GetEndOfStream())
	case *extprocv3.ProcessingRequest_ResponseHeaders:
		return processor.ResponseHeaders, referenceHeaders(m.ResponseHeaders.GetHeaders(), m.ResponseHeaders.GetEndOfStream())
	case *extprocv3.ProcessingRequest_RequestBody:
		return processor.RequestBody, referenceBody(m.RequestBody)
	case *extprocv3.ProcessingRequest_ResponseBody:
		return processor.ResponseBody, referenceBody(m.ResponseBody)
	case *extprocv3.ProcessingRequest_RequestTrailers:
		return processor.RequestTrailers, referenceHeaders(m.RequestTrailers.GetTrailers(), false)
	case *extprocv3.ProcessingRequest_ResponseTrailers:
		return processor.ResponseTrailers, referenceHeaders(m.ResponseTrailers.GetTrailers(), false)
	default:
		return processor.NoKind, processor.Message{}
	}
}

func referenceBody(b *extprocv3.HttpBody) processor.Message {
	return processor.Message{EndOfStream: b.GetEndOfStream(), Body: processor.Body{
		Bytes: b.GetBody(), EndOfStream: b.GetEndOfStream(),
		WithoutMessage: b.GetEndOfStreamWithoutMessage(), Compressed: b.GetGrpcMessageCompressed(),
	}}
}

func referenceHeaders(h *corev3.HeaderMap, end bool) processor.Message {
	m := processor.Message{EndOfStream: end}
	m.Status, _ = referenceNumber(first(h, ":status"), 3, 3, 100, 599)
	code, ok := referenceNumber(first(h, "grpc-status"), 1, 2, 0, 16)
	m.GRPC, m.HasGRPC = health.GRPCStatus(code), ok
	for _, v := range h.GetHeaders() {
		if v.GetKey() == "content-type" {
			kind, _, _ := strings.Cut(headerText(v), ";")
			kind, _, _ = strings.Cut(kind, "+")
			m.GRPCContent = kind == "application/grpc"
		}
	}
	return m
}

func first(h *corev3.HeaderMap, key string) string {
	i := slices.IndexFunc(h.GetHeaders(), func(v *corev3.HeaderValue) bool { return v.GetKey() == key })
	if i < 0 {
		return ""
	}
	return headerText(h.GetHeaders()[i])
}

func headerText(v *corev3.HeaderValue) string {
	if len(v.GetRawValue()) > 0 {
		return string(v.GetRawValue())
	}
	return v.GetValue()
}

func referenceNumber(s string, shortest, longest, lowest, highest int) (int, bool) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || len(s) < shortest || len(s) > longest || int(n) < lowest || int(n) > highest {
		return 0, false
	}
	return int(n), true
}

func referenceAttributes(s *structpb.Struct) processor.Attributes {
	text := func(key string) []byte { return []byte(s.GetFields()[key].GetStringValue()) }
	a := processor.Attributes{
		Address: text("upstream.address"), Cluster: text("xds.cluster_name"), Reporter: text("xds.node.id"),
		Route: text("xds.route_name"), Details: text("response.code_details"),
	}
	for code := 100; code <= 599; code++ {
		if s.GetFields()["response.code"].GetNumberValue() == float64(code) {
			a.Code = code
		}
	}
	return a
}

// FuzzReadFactsAgainstGeneratedType compares ReadFacts with the generated type on any bytes: what is refused, and what is
// read. It may not catch what both get wrong because protobuf-go itself does, what only differs in fields that are
// not read (unknown fields, metadata), a nesting deeper than 100, which Envoy's own decoder refuses and ReadFacts
// with it, and what random changes to the corpus do not reach.
func FuzzReadFactsAgainstGeneratedType(f *testing.F) {
	for _, r := range []*extprocv3.ProcessingRequest{
		golden(f),
		with(f, responseTrailers("grpc-status", "14"), attributes(nil)),
		with(f, responseHeaders(":status", "200", "grpc-status", "14", "content-type", "application/grpc"), attributes(nil)),
		{Request: &extprocv3.ProcessingRequest_ResponseBody{ResponseBody: &extprocv3.HttpBody{Body: []byte("x"), EndOfStream: true}}},
		{ProtocolConfig: &extprocv3.ProtocolConfiguration{RequestBodyMode: 4, ResponseBodyMode: 5}},
		{MetadataContext: &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{"a": {}}}},
	} {
		raw := marshal(f, r)
		f.Add(raw)
		f.Add(append(raw, raw...))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := processor.ReadFacts(raw)
		want, wantErr := reference(raw)
		if (err != nil) != (wantErr != nil) {
			t.Fatalf("ReadFacts says %v, protobuf says %v", err, wantErr)
		}
		if err != nil {
			return
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(processor.Message{})); diff != "" {
			t.Errorf("generated type (-), ReadFacts (+):\n%s", diff)
		}
	})
}

// A message cut off anywhere, or with any bit flipped, is read as protobuf would or refused as protobuf would.
func TestReadFactsDamaged(t *testing.T) {
	raw := marshal(t, golden(t))
	check := func(what string, at int, damaged []byte) {
		got, err := processor.ReadFacts(damaged)
		want, wantErr := reference(damaged)
		if (err != nil) != (wantErr != nil) {
			t.Fatalf("%s %d: ReadFacts says %v, protobuf says %v", what, at, err, wantErr)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(processor.Message{})); err == nil && diff != "" {
			t.Fatalf("%s %d:\n%s", what, at, diff)
		}
	}
	for i := range raw {
		check("cut at", i, raw[:i])
	}
	for bit := range len(raw) * 8 {
		damaged := slices.Clone(raw)
		damaged[bit/8] ^= 1 << (bit % 8)
		check("flipped bit", bit, damaged)
	}
}
