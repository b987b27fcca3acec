package processor_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/envoy-passive-health/passive-health/processor"
)

// What a message shows and nobody is charged for explains its share all the same.
func TestLoadReportsExplained(t *testing.T) {
	const overflow = "upstream_reset_before_response_started{overflow}"
	tests := map[string]struct {
		headers []string
		change  map[string]any
		left    int // of one failure
	}{
		"503":                          {[]string{":status", "503"}, nil, 0},
		"501, which the rules ignore":  {[]string{":status", "501"}, map[string]any{"response.code": 501}, 0},
		"an overflow":                  {[]string{":status", "503"}, map[string]any{"response.code_details": overflow}, 0},
		"an overflow, for gRPC":        {[]string{":status", "200", "grpc-status", "14"}, map[string]any{"response.code_details": overflow}, 0},
		"Envoy's own answer":           {[]string{":status", "503"}, map[string]any{"response.code_details": "direct_response"}, 0},
		"a timeout":                    {[]string{":status", "504"}, map[string]any{"response.code_details": "response_timeout"}, 0},
		"gRPC UNKNOWN":                 {[]string{":status", "200", "grpc-status", "2"}, map[string]any{"response.code": 200}, 0},
		"gRPC NOT_FOUND, no failure":   {[]string{":status", "200", "grpc-status", "5"}, map[string]any{"response.code": 200}, 1},
		"404, no failure":              {[]string{":status", "404"}, map[string]any{"response.code": 404}, 1},
		"103, the answer is to come":   {[]string{":status", "103"}, nil, 1},
		"no host":                      {[]string{":status", "503"}, map[string]any{"upstream.address": nil}, 1},
		"another host":                 {[]string{":status", "503"}, map[string]any{"upstream.address": "10.0.0.2:8080"}, 1},
		"a host that is not listed":    {[]string{":status", "503"}, map[string]any{"upstream.address": "10.0.0.9:8080"}, 1},
		"a cluster that is not wanted": {[]string{":status", "503"}, map[string]any{"xds.cluster_name": "other"}, 1},
		"another Envoy":                {[]string{":status", "503"}, map[string]any{"xds.node.id": "envoy-b"}, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, conn := serve(t, &recorder{}, processor.Options{})
				s.SetClusters(clusters("web"))
				l := openLoads(t, conn, "envoy-a")
				e := open(t, conn)
				e.send(with(t, responseHeaders(tt.headers...), attributes(tt.change)))
				synctest.Wait()
				<-time.After(time.Second)
				l.send(hostLoad("10.0.0.1", 0, 1))
				<-time.After(time.Second)
				l.send()
				if got := s.Stats().LoadReports.Hidden; got != uint64(tt.left) {
					t.Errorf("%d hidden failures, want %d", got, tt.left)
				}
			})
		})
	}
}

// Failing trailers explain one failure, and the headers before them none.
func TestLoadReportsExplainedByTrailers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, conn := serve(t, &recorder{}, processor.Options{})
		s.SetClusters(clusters("web"))
		l := openLoads(t, conn, "envoy-a")
		e := open(t, conn)
		headers := responseHeaders(":status", "200", "content-type", "application/grpc")
		e.send(observed(with(t, headers, attributes(map[string]any{"response.code": 200}))))
		e.send(observed(responseTrailers("grpc-status", "14")))
		e.ends()
		<-time.After(time.Second)
		l.send(hostLoad("10.0.0.1", 0, 2))
		<-time.After(time.Second)
		l.send()
		if got := s.Stats().LoadReports.Hidden; got != 1 {
			t.Errorf("%d hidden failures of two, one of them shown", got)
		}
	})
}
