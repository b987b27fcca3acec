package processor_test

import (
	"context"
	"testing"
	"testing/synctest"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	loadstatsv3 "github.com/envoyproxy/go-control-plane/envoy/service/load_stats/v3"

	"github.com/envoy-passive-health/passive-health/processor"
)

// How a stream ends. None leaves an account behind.
func TestLoadStreamEnds(t *testing.T) {
	tests := map[processor.Result]func(context.CancelFunc, *loads){
		processor.ResultEOF:      func(_ context.CancelFunc, l *loads) { _ = l.stream.CloseSend() },
		processor.ResultCanceled: func(cancel context.CancelFunc, _ *loads) { cancel() },
		processor.ResultBroken: func(_ context.CancelFunc, l *loads) { // over the limit, which gRPC sees to
			_ = l.stream.Send(&loadstatsv3.LoadStatsRequest{Node: &corev3.Node{Id: string(make([]byte, processor.MaxReport))}})
		},
	}
	for result, end := range tests {
		t.Run(string(result), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, conn := serve(t, &recorder{}, processor.Options{})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				stream, err := loadstatsv3.NewLoadReportingServiceClient(conn).StreamLoadStats(ctx)
				if err != nil {
					t.Fatal(err)
				}
				l := &loads{t: t, stream: stream}
				l.sendRaw(&loadstatsv3.LoadStatsRequest{Node: &corev3.Node{Id: "envoy-a"}})
				end(cancel, l)
				synctest.Wait()
				if st := s.Stats().LoadReports; st.Streams[result] != 1 || st.ActiveStreams != 0 || st.Reporters != 0 {
					t.Errorf("stats = %+v, want one stream that ended %s", st, result)
				}
			})
		})
	}
}

// A fault of ours ends one stream and nothing else.
func TestLoadPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, conn := serve(t, panics{}, processor.Options{})
		s.SetClusters(clusters("web"))
		l := openLoads(t, conn, "envoy-a")
		l.send(hostLoad("10.0.0.1", 1, 0))
		if st := s.Stats(); st.Panics != 1 || st.LoadReports.Streams[processor.ResultPanic] != 1 || st.LoadReports.Reporters != 0 {
			t.Errorf("stats = %+v, want one panic", st)
		}
	})
}
