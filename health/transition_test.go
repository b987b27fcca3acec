package health

import (
	"encoding/json"
	"testing"
	"time"
)

// TestTexts: what people read, from the transitions of one story.
func TestTexts(t *testing.T) {
	p := DefaultPolicy()
	p.RecoveryJitter = 0
	f := newFleet(t, 2, p)
	f.Take()
	f.answer(0, 1, 503, 3)
	f.Record(start.Add(200*time.Millisecond), Observation{Host: web(1), Reporter: "envoy-b", Outcome: ConnectFailure})
	f.Record(start.Add(300*time.Millisecond), Observation{Host: web(1), GRPC: GRPCUnavailable, Status: 200})
	f.answer(400*time.Millisecond, 2, 500, 5)
	f.Advance(start.Add(time.Hour))
	want := []string{
		"5 errors in 300ms (3 x 503, 1 x connect_failure, 1 x grpc UNAVAILABLE), seen by envoy-a, envoy-b" +
			" (rule errors >= 5), 1st ejection, back at 12:00:30",
		"5 errors in 0s (5 x 500), seen by envoy-a: not ejected, as many hosts are out as max_ejection_percent allows",
		"every host is failing: this is not one host's problem, nothing more goes out than the cap allows",
		"back at reduced weight (timer), probation until 12:00:45",
		"5 errors in 0s (5 x 500), seen by envoy-a (rule errors >= 5), 1st ejection, back at 12:01:00",
		"at full weight (timer)",
		"no longer every host is failing",
		"back at reduced weight (timer), probation until 12:01:15",
		"at full weight (timer)",
	}
	told := f.Take().Transitions
	for i := range max(len(told), len(want)) {
		switch {
		case i >= len(told):
			t.Errorf("not told: %s", want[i])
		case i >= len(want):
			t.Errorf("told as well: %s", told[i].Text())
		case told[i].Text() != want[i]:
			t.Errorf("told\n%s, want\n%s", told[i].Text(), want[i])
		}
	}
}

// TestEveryRefusalHasItsWords: a reason without words would be an empty line.
func TestEveryRefusalHasItsWords(t *testing.T) {
	for _, reason := range []Reason{
		RefusedMaxPercent, RefusedMaxZonePercent, RefusedMinHealthy, RefusedQuorum, RefusedMinRequests, RefusedRatio,
		RefusedShadow, RefusedPaused, RefusedOverride,
	} {
		if refusalText[reason] == "" {
			t.Errorf("%s has no words", reason)
		}
	}
	if len(refusalText) != 9 {
		t.Errorf("%d reasons have words, want 9", len(refusalText))
	}
}

func TestOrdinal(t *testing.T) {
	for n, want := range map[int]string{
		1: "1st", 2: "2nd", 3: "3rd", 4: "4th", 10: "10th", 11: "11th", 12: "12th", 13: "13th",
		21: "21st", 102: "102nd", 111: "111th", 1013: "1013th",
	} {
		if got := ordinal(n); got != want {
			t.Errorf("ordinal %d is %s, want %s", n, got, want)
		}
	}
}

// TestNamesReadBack: a state and a published state are in JSON what their names say, and nothing else is read.
func TestNamesReadBack(t *testing.T) {
	type both struct {
		V State     `json:"v"`
		P Published `json:"p"`
	}
	for _, in := range []both{{Healthy, PublishedHealthy}, {Ejected, PublishedUnhealthy}, {Probation, PublishedHealthy}} {
		data, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		var out both
		if err := json.Unmarshal(data, &out); err != nil || out != in {
			t.Errorf("%s is read as %+v, error %v", data, out, err)
		}
	}
	for _, bad := range []string{`{"v":"out"}`, `{"v":1}`, `{"p":"DRAINING"}`} {
		if err := json.Unmarshal([]byte(bad), &both{}); err == nil {
			t.Errorf("%s is read", bad)
		}
	}
}
