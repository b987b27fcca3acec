package processor_test

import (
	"testing"
	"testing/synctest"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"

	"github.com/envoy-passive-health/passive-health/processor"
)

// The server answers once, and again only when other clusters are wanted; never before the Envoy has spoken.
func TestLoadAnswers(t *testing.T) {
	synctest.Test(t, testLoadAnswers)
}

func testLoadAnswers(t *testing.T) {
	s, conn := serve(t, &recorder{}, processor.Options{LoadReportInterval: 5 * time.Second})
	s.SetClusters(clusters("web", "api"))
	l := openLoads(t, conn, "envoy-a")
	l.answers(loadAnswer(5*time.Second, "api", "web"))
	l.send(hostLoad("10.0.0.1", 1, 0))
	s.SetClusters(clusters("api", "web")) // the same
	synctest.Wait()
	s.SetClusters(clusters("web"))
	l.answers(loadAnswer(5*time.Second, "web"))
	s.SetClusters(nil)
	l.answers(loadAnswer(5 * time.Second))
	s.EndStreams()
	s.EndStreams() // again is as good as once
	if r, err := l.stream.Recv(); err == nil {
		t.Errorf("one answer too many: %v", r)
	}
	synctest.Wait()
	if st := s.Stats().LoadReports; st.Streams[processor.ResultStopped] != 1 || st.ActiveStreams != 0 || st.Reporters != 0 {
		t.Errorf("stats = %+v, want one stopped stream and nothing left", st)
	}
}

// While no load reports are wanted, Envoy is not told to send any.
func TestLoadAnswerWaitsForClusters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, conn := serve(t, &recorder{}, processor.Options{LoadReportInterval: time.Nanosecond})
		l := openLoads(t, conn, "envoy-a")
		s.SetClusters(clusters("web"))
		l.answers(loadAnswer(50*time.Millisecond, "web"))
	})
}

// Volumes at once, hidden failures one interval later; and what ext_proc has shown is not hidden.
func TestLoadReports(t *testing.T) {
	synctest.Test(t, testLoadReports)
}

func testLoadReports(t *testing.T) {
	r := &recorder{}
	s, conn := serve(t, r, processor.Options{})
	s.SetClusters(clusters("web"))
	l := openLoads(t, conn, "envoy-a")
	l.answers(loadAnswer(time.Second, "web"))

	e := open(t, conn)
	e.send(golden(t))
	e.ends()
	<-time.After(time.Second)
	l.send(hostLoad("10.0.0.1", 5, 3), hostLoad("10.0.0.2", 1, 0), hostLoad("10.0.0.2", 0, 0))
	<-time.After(time.Second)
	l.send()
	<-time.After(time.Second)
	l.send()
	wantSeen(t, r, observation(nil), volume("10.0.0.1", 8), volume("10.0.0.2", 1), hidden("10.0.0.1", 2))
	if st := s.Stats().LoadReports; st.Reports != 4 || st.Volumes != 2 || st.Hidden != 2 || st.Reporters != 1 {
		t.Errorf("stats = %+v", st)
	}
}

// Where every response adds to the volume, a report adds only what it alone has seen.
func TestLoadReportsBesideAllResponses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		s, conn := serve(t, r, processor.Options{AllResponses: func(cluster string) bool { return cluster == "web" }})
		s.SetClusters(clusters("web"))
		l := openLoads(t, conn, "envoy-a")
		l.send(hostLoad("10.0.0.1", 5, 2))
		<-time.After(time.Second)
		l.send()
		want := hidden("10.0.0.1", 2)
		want.Requests = 2
		wantSeen(t, r, want)
	})
}

// Where requests were dropped nothing is hidden, neither then nor of what waited, and credit is kept for the next report.
func TestLoadReportsOverflow(t *testing.T) {
	synctest.Test(t, testLoadReportsOverflow)
}

func testLoadReportsOverflow(t *testing.T) {
	s, conn := serve(t, &recorder{}, processor.Options{})
	s.SetClusters(clusters("web"))
	l := openLoads(t, conn, "envoy-a")
	l.send(hostLoad("10.0.0.1", 0, 2))
	<-time.After(time.Second)
	e := open(t, conn)
	e.send(with(t, responseHeaders(":status", "503"), attributes(map[string]any{"upstream.address": "10.0.0.2:8080"})))
	synctest.Wait()
	l.sendRaw(loadRequest("envoy-a", 2*time.Second, 1, hostLoad("10.0.0.1", 0, 1), hostLoad("10.0.0.2", 0, 1)))
	<-time.After(time.Second)
	l.send(hostLoad("10.0.0.2", 0, 1))
	for range 3 {
		<-time.After(time.Second)
		l.send()
	}
	if got := s.Stats().LoadReports.Hidden; got != 0 {
		t.Errorf("%d hidden failures beside dropped requests", got)
	}
}

// Reports that cannot be used, or not wholly, are left out; the stream goes on.
func TestLoadReportsUnusable(t *testing.T) {
	synctest.Test(t, testLoadReportsUnusable)
}

func testLoadReportsUnusable(t *testing.T) {
	r := &recorder{}
	s, conn := serve(t, r, processor.Options{})
	s.SetClusters(clusters("web"))
	l := openLoads(t, conn, "envoy-a")
	l.answers(loadAnswer(time.Second, "web"))

	overflow := loadRequest("envoy-a", time.Second, 1, hostLoad("10.0.0.1", 1, 4))
	l.sendRaw(overflow)
	l.sendRaw(overflow) // once more
	damaged := loadRequest("envoy-a", time.Second, 0)
	damaged.ProtoReflect().SetUnknown([]byte{0x12, 0x02, 0x0a, 0x09}) // a cluster that claims nine bytes of none
	l.sendRaw(damaged)
	pipe := hostLoad("10.0.0.1", 1, 1)
	pipe.Address = &corev3.Address{Address: &corev3.Address_Pipe{Pipe: &corev3.Pipe{Path: "/run/web.sock"}}}
	l.send(pipe, hostLoad("10.0.0.9", 0, 1))
	<-time.After(time.Second)
	l.send()
	wantSeen(t, r, volume("10.0.0.1", 5), volume("10.0.0.9", 1))
	dropped := s.Stats().Dropped
	for _, why := range []processor.Drop{processor.DropDoubled, processor.DropMalformed, processor.DropBadAddress} {
		if dropped[why] != 1 {
			t.Errorf("%d dropped as %s, want 1", dropped[why], why)
		}
	}
	if st := s.Stats().LoadReports; st.ActiveStreams != 1 || st.Reports != 6 {
		t.Errorf("stats = %+v, want the stream open and 6 reports", st)
	}
}
