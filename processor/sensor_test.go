package processor_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"

	"github.com/envoy-passive-health/passive-health/health"
	"github.com/envoy-passive-health/passive-health/processor"
)

// Of the four that tell of the same failure only the one is charged that the cluster is configured to use.
func TestSensorsThatAreNotUsedChargeNobody(t *testing.T) {
	for name, test := range map[string]struct {
		used []processor.Sensor
		seen []health.Observation
	}{
		"filter":          {[]processor.Sensor{processor.Filter}, []health.Observation{observation(nil)}},
		"upstream filter": {[]processor.Sensor{processor.UpstreamFilter}, []health.Observation{observation(nil)}},
		"access log":      {[]processor.Sensor{processor.AccessLog}, []health.Observation{observation(nil)}},
		"none":            {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testUnusedSensors(t, test.used, test.seen) })
		})
	}
}

func testUnusedSensors(t *testing.T, used []processor.Sensor, want []health.Observation) {
	t.Helper()
	r := &recorder{}
	s, conn := serve(t, r, processor.Options{Uses: func(cluster string, s processor.Sensor) bool {
		return cluster == "web" && slices.Contains(used, s)
	}})
	inTheCluster := with(t, responseHeaders(":status", "503"), attributes(map[string]any{"response.code": nil}))
	for _, message := range []*extprocv3.ProcessingRequest{golden(t), observed(inTheCluster)} {
		e := open(t, conn)
		e.send(message)
		e.ends()
	}
	logs := openLogs(t, conn)
	logs.send(logMessage("envoy-a", answered(503, nil)))
	synctest.Wait()
	wantSeen(t, r, want...)
	if got := s.Stats().Dropped[processor.DropSensorOff]; got != uint64(3-len(want)) {
		t.Errorf("%d dropped, want %d", got, 3-len(want))
	}
}

// A report of a cluster that was not asked for is not used: neither its volumes nor its failures.
func TestLoadReportsThatAreNotUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		s, conn := serve(t, r, processor.Options{})
		s.SetClusters(clusters("api"))
		l := openLoads(t, conn, "envoy-a")
		for range 3 {
			l.send(hostLoad("10.0.0.1", 5, 2)) // of web
			<-time.After(time.Second)
		}
		wantSeen(t, r)
		if got := s.Stats().Dropped[processor.DropSensorOff]; got != 3 {
			t.Errorf("%d dropped, want 3", got)
		}
	})
}
