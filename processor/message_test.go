package processor_test

import (
	"maps"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
)

const attributesKey = "envoy.filters.http.ext_proc"

// attributes is what Envoy 1.40.0 sends with the shipped configuration, for a 503 that the host said.
func attributes(change map[string]any) map[string]any {
	all := map[string]any{
		"upstream.address":      "10.0.0.1:8080",
		"xds.cluster_name":      "web",
		"xds.node.id":           "envoy-a",
		"xds.route_name":        "default",
		"response.code":         503,
		"response.code_details": "via_upstream",
	}
	maps.Copy(all, change)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	return all
}

func headers(pairs ...string) *corev3.HeaderMap {
	m := &corev3.HeaderMap{}
	for i := 0; i < len(pairs); i += 2 {
		m.Headers = append(m.Headers, &corev3.HeaderValue{Key: pairs[i], RawValue: []byte(pairs[i+1])})
	}
	return m
}

func with(t testing.TB, r *extprocv3.ProcessingRequest, attributes map[string]any) *extprocv3.ProcessingRequest {
	t.Helper()
	s, err := structpb.NewStruct(attributes)
	if err != nil {
		t.Fatal(err)
	}
	r.Attributes = map[string]*structpb.Struct{attributesKey: s}
	return r
}

func responseHeaders(pairs ...string) *extprocv3.ProcessingRequest {
	return &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_ResponseHeaders{
		ResponseHeaders: &extprocv3.HttpHeaders{Headers: headers(pairs...)},
	}}
}

func responseTrailers(pairs ...string) *extprocv3.ProcessingRequest {
	return &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_ResponseTrailers{
		ResponseTrailers: &extprocv3.HttpTrailers{Trailers: headers(pairs...)},
	}}
}

// golden is the message of a host's 503 as the shipped configuration has it sent.
func golden(t testing.TB) *extprocv3.ProcessingRequest {
	t.Helper()
	r := with(t, responseHeaders(":status", "503"), attributes(nil))
	r.ObservabilityMode = true
	r.ProtocolConfig = &extprocv3.ProtocolConfiguration{}
	return r
}

func marshal(t testing.TB, m proto.Message) []byte {
	t.Helper()
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
