package processor_test

import (
	"testing"
	"testing/synctest"
	"time"

	loadstatsv3 "github.com/envoyproxy/go-control-plane/envoy/service/load_stats/v3"

	"github.com/envoy-passive-health/passive-health/processor"
)

// What an Envoy counted before its stream broke, and while it had none, comes with the first report of its next stream.
// The failures in it may have been shown long ago: they are volume and nothing else.
func TestFirstReportOfAStreamGivesNoHiddenFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		s, conn := serve(t, r, processor.Options{})
		s.SetClusters(clusters("web"))
		stream, err := loadstatsv3.NewLoadReportingServiceClient(conn).StreamLoadStats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		l := &loads{t: t, stream: stream, took: time.Second}
		l.sendRaw(loadRequest("envoy-a", 6*time.Second, 0, hostLoad("10.0.0.1", 5, 3)))
		l.answers(loadAnswer(time.Second, "web"))
		for range 3 {
			<-time.After(time.Second)
			l.send()
		}
		wantSeen(t, r, volume("10.0.0.1", 8))
	})
}
