package processor_test

import (
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"

	"github.com/envoy-passive-health/passive-health/health"
	"github.com/envoy-passive-health/passive-health/processor"
)

// Many Envoys at once, with the real tracker and a reader of the counts beside them: every error is counted, once.
func TestConcurrentStreams(t *testing.T) {
	const envoys, each = 64, 20
	policy := health.DefaultPolicy()
	policy.ErrorThreshold = envoys*each + 1 // none of them ejects: only the count is of interest
	id := observation(nil).Host
	tracker := health.NewTracker()
	tracker.SetClusters(time.Now(), []health.Cluster{{
		Name: id.Cluster, Policy: policy, Members: []health.Member{{Address: id.Address, Weight: 100}},
	}})
	s, conn := serve(t, tracker, processor.Options{})
	client := extprocv3.NewExternalProcessorClient(conn)
	message := golden(t)
	var all sync.WaitGroup
	for range envoys {
		all.Go(func() {
			for range each {
				stream, err := client.Process(t.Context())
				if err == nil {
					err = errors.Join(stream.Send(message), stream.CloseSend())
				}
				if err != nil {
					t.Errorf("stream: %v", err)
					return
				}
				if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
					t.Errorf("the stream ended with %v, want OK", err)
				}
				_ = s.Stats()
			}
		})
	}
	all.Wait()
	if got := tracker.TotalErrors(id); got != envoys*each {
		t.Errorf("%d errors counted, want %d", got, envoys*each)
	}
	if st := s.Stats(); st.Observations != envoys*each || st.Messages != envoys*each {
		t.Errorf("stats = %+v, want %d messages and as many observations", st, envoys*each)
	}
}
