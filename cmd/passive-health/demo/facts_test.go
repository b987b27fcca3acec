package demo

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/envoy-passive-health/passive-health/envoy/upstream"
)

// journal is that of a host which broke at noon: an error each 10 ms from then on, nothing while it is out, and its
// return at 5 s. Whatever else came is added.
func journal(more ...upstream.Request) []upstream.Request {
	j := []upstream.Request{{At: after(-time.Second), Status: 200}}
	for i := range 5 {
		j = append(j, upstream.Request{At: after(time.Duration(i) * 10 * time.Millisecond), Status: 503})
	}
	return append(j, more...)
}

func TestProve(t *testing.T) {
	served := upstream.Request{At: after(5 * time.Second), Status: 200}
	good := []string{"HEALTHY", "HEALTHY"}
	const fifth = 40 * time.Millisecond
	tests := []struct {
		name    string
		journal []upstream.Request
		marks   []string
		early   time.Duration // by so much was it back before its time
		want    string        // what the error names; empty for none
	}{
		{name: "ejected and back", journal: journal(served), marks: good},
		{
			name:    "a request on its way",
			journal: journal(upstream.Request{At: after(fifth + settle - 1), Status: 503}, served), marks: good,
		},
		{
			name:    "a request too late to have been on its way",
			journal: journal(upstream.Request{At: after(fifth + settle), Status: 503}, served), marks: good,
			want: "1 requests reached web-2 while it was out",
		},
		{
			name:    "a request just before the return",
			journal: journal(upstream.Request{At: after(5*time.Second - 1), Status: 200}, served), marks: good,
			want: "1 requests reached web-2 while it was out",
		},
		{name: "four errors", journal: append(journal()[:5], served), marks: good, want: "requests reached web-2 while it was out"},
		{name: "back before its time", journal: journal(served), marks: good, early: time.Second, want: "was back at"},
		{name: "never asked again", journal: journal(), marks: good, want: "has served nothing"},
		{
			name:    "still failing",
			journal: journal(upstream.Request{At: after(6 * time.Second), Status: 503}), marks: good,
			want: "has served nothing",
		},
		{name: "an Envoy leaves it out", journal: journal(served), marks: []string{"HEALTHY", "UNHEALTHY"}, want: "marked UNHEALTHY"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := facts{
				host: site{name: "web-2"}, broken: noon, ejected: after(fifth),
				until: after(5*time.Second + tt.early), returned: after(5 * time.Second),
			}
			err := f.prove(tt.journal, tt.marks)
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if !errors.Is(err, ErrUnproven) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want one that names %q", err, tt.want)
			}
		})
	}
}

func TestAcked(t *testing.T) {
	f := facts{ejected: noon}
	proxies := []proxyState{{Node: "before", LastAck: after(-1)}, {Node: "never"}, {Node: "after", LastAck: after(1)}}
	if got := f.acked(proxies); got != 1 {
		t.Errorf("%d of %v have confirmed, want 1", got, proxies)
	}
	if got := f.acked(slices.Concat(proxies, proxies)); got != 2 {
		t.Errorf("%d have confirmed, want 2", got)
	}
}
