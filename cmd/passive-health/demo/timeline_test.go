package demo

import (
	"bytes"
	"testing"
	"time"

	"github.com/envoy-passive-health/passive-health/health"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.Local) //nolint:gosmopolitan // the timeline tells the reader's own time

func after(d time.Duration) time.Time { return noon.Add(d) }

func TestLines(t *testing.T) {
	const ms = time.Millisecond
	tests := []struct {
		name string
		tell func(*timeline)
		want string
	}{
		{
			name: "an error, as the service counts it",
			tell: func(l *timeline) {
				l.counted(noon, "web-2", 3, []string{"envoy-a", "envoy-b"}, health.DefaultPolicy())
			},
			want: "12:00:00.0  suspect    web-2  3 of 5 errors in 30s, seen by envoy-a, envoy-b\n",
		},
		{
			name: "an ejection, in the service's words",
			tell: func(l *timeline) { l.moved("web-2", move{To: health.Ejected, At: after(340 * ms), Text: "5 errors"}) },
			want: "12:00:00.3  EJECTED    web-2  5 errors\n",
		},
		{
			name: "a return at reduced weight",
			tell: func(l *timeline) { l.moved("web-2", move{To: health.Probation, At: noon, Text: "back"}) },
			want: "12:00:00.0  probation  web-2  back\n",
		},
		{
			name: "a return at full weight",
			tell: func(l *timeline) { l.moved("web-2", move{To: health.Healthy, At: noon, Text: "at full weight"}) },
			want: "12:00:00.0  healthy    web-2  at full weight\n",
		},
		{
			name: "a step of probation",
			tell: func(l *timeline) { l.weight(noon, "web-2", 25, 100) },
			want: "12:00:00.0  probation  web-2  weight 25 of 100\n",
		},
		{
			name: "confirmations, at the time of the last one",
			tell: func(l *timeline) {
				l.acks(noon, []proxyState{{"envoy-a", after(104 * ms)}, {"envoy-b", after(2500 * time.Microsecond)}})
			},
			want: "12:00:00.1  confirmed  by envoy-a after 104.0ms, envoy-b after 2.5ms\n",
		},
		{
			name: "an Envoy's own errors",
			tell: func(l *timeline) { l.own(noon, "envoy-b", "web-2", 0) },
			want: "12:00:00.0             envoy-b saw 0 errors of its own from web-2\n",
		},
		{
			name: "what reached a host that is out",
			tell: func(l *timeline) { l.quiet(after(3*time.Second), after(250*ms), "web-2", 0) },
			want: "12:00:03.0  quiet      0 requests reached web-2 from 12:00:00.2 to 12:00:03.0\n",
		},
		{
			name: "the bill",
			tell: func(l *timeline) { l.result(after(time.Second), noon, bill{3421, 5, after(154 * ms)}) },
			want: "12:00:01.0  result     5 of the clients' 3421 requests failed, the last one 150ms after the host broke\n",
		},
		{
			name: "a bill of nothing",
			tell: func(l *timeline) { l.result(noon, noon, bill{total: 10}) },
			want: "12:00:00.0  result     0 of the clients' 10 requests failed\n",
		},
		{
			name: "color, on a terminal only",
			tell: func(l *timeline) {
				l.color = true
				l.moved("web-2", move{To: health.Ejected, At: noon, Text: "5 errors"})
			},
			want: "\x1b[2m12:00:00.0\x1b[0m  \x1b[1;31mEJECTED  \x1b[0m  web-2  5 errors\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			tt.tell(&timeline{out: &out})
			if got := out.String(); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}
