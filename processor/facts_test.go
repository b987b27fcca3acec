package processor_test

import (
	"slices"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/envoy-passive-health/passive-health/processor"
)

func read(t *testing.T, raw []byte) processor.Facts {
	t.Helper()
	f, err := processor.ReadFacts(raw)
	if err != nil {
		t.Fatalf("ReadFacts: %v", err)
	}
	return f
}

func TestReadFactsGolden(t *testing.T) {
	f := read(t, marshal(t, golden(t)))
	a := f.Attributes
	if f.Kind != processor.ResponseHeaders || !f.Observability || f.Message.Status != 503 || a.Code != 503 {
		t.Errorf("facts = %+v", f)
	}
	got := []string{string(a.Address), string(a.Cluster), string(a.Reporter), string(a.Route), string(a.Details)}
	want := []string{"10.0.0.1:8080", "web", "envoy-a", "default", "via_upstream"}
	if !slices.Equal(got, want) {
		t.Errorf("attributes = %q, want %q", got, want)
	}
}

// The status is the first one's, in whichever field it comes, and only if it is one.
func TestReadFactsStatus(t *testing.T) {
	value := func(v string) *corev3.HeaderValue { return &corev3.HeaderValue{Key: ":status", Value: v} }
	raw := func(v string) *corev3.HeaderValue { return &corev3.HeaderValue{Key: ":status", RawValue: []byte(v)} }
	emptyRaw := value("503")
	emptyRaw.ProtoReflect().SetUnknown([]byte{0x1a, 0}) // raw_value, there but empty
	tests := map[string]struct {
		headers []*corev3.HeaderValue
		want    int
	}{
		"raw_value":              {[]*corev3.HeaderValue{raw("503")}, 503},
		"value":                  {[]*corev3.HeaderValue{value("503")}, 503},
		"value, raw_value empty": {[]*corev3.HeaderValue{emptyRaw}, 503},
		"first of two":           {[]*corev3.HeaderValue{raw("200"), raw("503")}, 200},
		"first of two, no use":   {[]*corev3.HeaderValue{raw("abc"), raw("503")}, 0},
		"behind others":          {[]*corev3.HeaderValue{{Key: "x", Value: "200"}, raw("503")}, 503},
		"missing":                {nil, 0},
		"empty":                  {[]*corev3.HeaderValue{raw("")}, 0},
		"99":                     {[]*corev3.HeaderValue{raw("99")}, 0},
		"099":                    {[]*corev3.HeaderValue{raw("099")}, 0},
		"100":                    {[]*corev3.HeaderValue{raw("100")}, 100},
		"599":                    {[]*corev3.HeaderValue{raw("599")}, 599},
		"600":                    {[]*corev3.HeaderValue{raw("600")}, 0},
		"1000":                   {[]*corev3.HeaderValue{raw("1000")}, 0},
		"+50":                    {[]*corev3.HeaderValue{raw("+50")}, 0},
		"blank":                  {[]*corev3.HeaderValue{raw(" 50")}, 0},
		"other case":             {[]*corev3.HeaderValue{{Key: ":Status", RawValue: []byte("503")}}, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := responseHeaders()
			r.GetResponseHeaders().Headers.Headers = tt.headers
			if got := read(t, marshal(t, r)).Message.Status; got != tt.want {
				t.Errorf("status = %d, want %d", got, tt.want)
			}
		})
	}
}

func TestReadFactsGRPCStatus(t *testing.T) {
	for value, want := range map[string]int{
		"0": 0, "14": 14, "16": 16, "04": 4, "": -1, "17": -1, "014": -1, "-1": -1, "UNAVAILABLE": -1,
	} {
		m := read(t, marshal(t, responseTrailers("grpc-status", value))).Message
		got := -1
		if m.HasGRPC {
			got = int(m.GRPC)
		}
		if got != want {
			t.Errorf("grpc-status %q is read as %d, want %d", value, got, want)
		}
	}
}

func TestReadFactsContentType(t *testing.T) {
	for value, want := range map[string]bool{
		"application/grpc": true, "application/grpc+proto": true, "application/grpc;x=y": true,
		"application/grpc-web": false, "application/grpcx": false, "application/json": false, "": false,
	} {
		if got := read(t, marshal(t, responseHeaders("content-type", value))).Message.GRPCContent; got != want {
			t.Errorf("content-type %q is gRPC: %t, want %t", value, got, want)
		}
	}
}

// Concatenated messages are one merged message to protobuf.
func TestReadFactsMerges(t *testing.T) {
	join := func(parts ...*extprocv3.ProcessingRequest) processor.Facts {
		var raw []byte
		for _, p := range parts {
			raw = append(raw, marshal(t, p)...)
		}
		return read(t, raw)
	}
	other := with(t, &extprocv3.ProcessingRequest{}, attributes(map[string]any{"upstream.address": nil, "xds.cluster_name": "b"}))

	if f := join(golden(t), responseHeaders("grpc-status", "14")); f.Message.Status != 503 || !f.Message.HasGRPC {
		t.Errorf("two parts of the same headers: %+v, want both", f.Message)
	}
	if f := join(golden(t), responseTrailers()); f.Kind != processor.ResponseTrailers || f.Message.Status != 0 {
		t.Errorf("trailers after headers: %+v, want the trailers only", f)
	}
	if f := join(golden(t), responseTrailers(), responseHeaders()); f.Message.Status != 0 {
		t.Errorf("headers, trailers, headers: status %d, want the last headers only", f.Message.Status)
	}
	if f := join(golden(t), other); f.Attributes.Address != nil || string(f.Attributes.Cluster) != "b" {
		t.Errorf("the same attributes key twice: %+v, want the second only", f.Attributes)
	}
}

func TestReadFactsIgnoresOtherAttributes(t *testing.T) {
	s, err := structpb.NewStruct(attributes(nil))
	if err != nil {
		t.Fatal(err)
	}
	r := responseHeaders(":status", "503")
	r.Attributes = map[string]*structpb.Struct{"envoy.filters.http.other": s}
	if f := read(t, marshal(t, r)); f.Attributes.Address != nil {
		t.Errorf("address = %q from another filter's attributes, want none", f.Attributes.Address)
	}
}

// An attribute of another type than Envoy gives it says nothing.
func TestReadFactsAttributeTypes(t *testing.T) {
	f := read(t, marshal(t, with(t, responseHeaders(), map[string]any{
		"upstream.address": 7, "xds.cluster_name": true, "xds.node.id": []any{"a"}, "xds.route_name": map[string]any{"a": "b"},
		"response.code_details": nil, "response.code": "503",
	})))
	if a := f.Attributes; a.Address != nil || a.Cluster != nil || a.Reporter != nil || a.Route != nil || a.Details != nil || a.Code != 0 {
		t.Errorf("attributes = %+v, want none", a)
	}
}

// Of a oneof that comes in several parts the last member counts, here a number after the text.
func TestReadFactsAttributeReplaced(t *testing.T) {
	r := golden(t)
	number := protowire.AppendFixed64(protowire.AppendTag(nil, 2, protowire.Fixed64Type), 0)
	r.GetAttributes()[attributesKey].GetFields()["upstream.address"].ProtoReflect().SetUnknown(number)
	if got := read(t, marshal(t, r)).Attributes.Address; got != nil {
		t.Errorf("address = %q, want none: the attribute is a number in the end", got)
	}
}

func TestReadFactsCode(t *testing.T) {
	for code, want := range map[float64]int{100: 100, 599: 599, 99: 0, 600: 0, 503.5: 0, -503: 0, 1e300: 0} {
		f := read(t, marshal(t, with(t, responseHeaders(), map[string]any{"response.code": code})))
		if f.Attributes.Code != want {
			t.Errorf("response.code %v is read as %d, want %d", code, f.Attributes.Code, want)
		}
	}
}

func TestReadFactsRefusesDepth(t *testing.T) {
	deep := func(inner *structpb.Value, lists int) []byte {
		v := inner
		for range lists {
			v = structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{v}})
		}
		s := &structpb.Struct{Fields: map[string]*structpb.Value{"x": v}}
		return marshal(t, &extprocv3.ProcessingRequest{MetadataContext: &corev3.Metadata{
			FilterMetadata: map[string]*structpb.Struct{"x": s},
		}})
	}
	null := structpb.NewNullValue()
	if _, err := processor.ReadFacts(deep(null, 47)); err != nil { // six levels, and two for each list
		t.Errorf("100 levels: %v, want none", err)
	}
	inStruct := structpb.NewStructValue(&structpb.Struct{Fields: map[string]*structpb.Value{"y": null}}) // three more
	if _, err := processor.ReadFacts(deep(inStruct, 46)); err == nil {
		t.Error("101 levels: no error")
	}
}

// Every text that protobuf checks is checked, also where nothing is read.
func TestReadFactsRefusesInvalidUTF8(t *testing.T) {
	r := golden(t)
	r.MetadataContext = &corev3.Metadata{
		FilterMetadata:      map[string]*structpb.Struct{"filter-name": {}},
		TypedFilterMetadata: map[string]*anypb.Any{"typed-name": {TypeUrl: "type.example/x"}},
	}
	raw := string(marshal(t, r))
	for _, text := range []string{
		attributesKey, "xds.cluster_name", "via_upstream", ":status", "filter-name", "typed-name", "type.example/x",
	} {
		broken := []byte(strings.Replace(raw, text, text[:len(text)-1]+"\xff", 1))
		if _, err := processor.ReadFacts(broken); err == nil {
			t.Errorf("%q with its last byte broken: no error", text)
		}
	}
}
