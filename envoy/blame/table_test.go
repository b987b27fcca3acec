package blame_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/envoy-passive-health/passive-health/envoy"
)

var update = flag.Bool("update", false, "write the table into README.md instead of comparing it")

// readme holds the table between two marks.
const (
	readme    = "../README.md"
	tableFrom = "<!-- blame: made by `make blame`, do not edit -->\n"
	tableTo   = "<!-- /blame -->\n"
)

// cell is what one Envoy's service made of one situation.
type cell struct {
	atOnce   int // failures charged to a host of the situation, by a sensor of its own
	later    int // and by load reports
	innocent int // charges beyond one for each failed attempt's host
}

// String is the cell as it stands in the table.
func (c cell) String() string {
	var parts []string
	if c.atOnce > 0 {
		parts = append(parts, fmt.Sprintf("%d at once", c.atOnce))
	}
	if c.later > 0 {
		parts = append(parts, fmt.Sprintf("%d in 1-2 s", c.later))
	}
	if c.innocent > 0 {
		parts = append(parts, fmt.Sprintf("**%d to another host**", c.innocent))
	}
	if parts == nil {
		return "0"
	}
	return strings.Join(parts, ", ")
}

// Every failure is charged once at most, and README.md says how often and when, with each sample, as real Envoys have it.
func TestBlame(t *testing.T) { //nolint:tparallel // the group is there to wait for the samples
	t.Parallel()
	var mu sync.Mutex
	cells := map[envoy.Sample]map[string]cell{}
	t.Run("samples", func(t *testing.T) {
		for _, sample := range envoy.Samples() {
			t.Run(string(sample), func(t *testing.T) {
				t.Parallel()
				column := startStage(t, sample).play(t)
				mu.Lock()
				defer mu.Unlock()
				cells[sample] = column
			})
		}
	})
	if t.Failed() {
		return
	}
	assertInReadme(t, tableFrom, tableTo, markdown(cells))
}

// play sends every situation's request, waits until nothing more can come, and returns what was charged.
func (s *stage) play(t *testing.T) map[string]cell {
	t.Helper()
	w := watch{stage: s, sent: map[string]time.Time{}, took: map[string]time.Duration{}}
	each(func(id string, situation *situation) {
		if got := situation.send(t, s, s.casts[id], id); got != situation.status {
			t.Errorf("%s: the client got %d, want %d", situation.name, got, situation.status)
		}
		w.sent[id] = time.Now()
		w.look(t)
	})
	for until := s.reports(t) + 5; s.reports(t) < until; {
		w.look(t)
	}
	column := map[string]cell{}
	each(func(id string, situation *situation) {
		column[id] = s.cell(t, id, situation)
	})
	w.log(t)
	s.assertNothingElse(t, column)
	return column
}

// cell adds up what was charged in a situation's cluster.
func (s *stage) cell(t *testing.T, id string, situation *situation) (c cell) {
	t.Helper()
	if situation.hosts == nil {
		return c
	}
	guilty := 0
	for _, host := range s.service.Hosts(t, id) {
		if host.TotalErrors > 1 {
			t.Errorf("%s: one failure was charged %d times", situation.name, host.TotalErrors)
		}
		if blamed := s.casts[id].blamed(host.Host, situation); !blamed {
			c.innocent += host.TotalErrors
		} else {
			guilty += host.TotalErrors
		}
	}
	c.later = int(s.service.Metrics(t)[fmt.Sprintf(`passive_health_errors_total{cluster=%q,code="hidden"}`, id)])
	c.atOnce = guilty - c.later
	return c
}

// blamed says whether a host is one whose doing the failure is.
func (c *cast) blamed(address string, s *situation) bool {
	switch {
	case s.blame == 0:
		return false
	case s.blame == len(c.addresses):
		return true
	default:
		return address == c.guilty
	}
}

// assertNothingElse checks that no cluster has charges which no cell shows.
func (s *stage) assertNothingElse(t *testing.T, column map[string]cell) {
	t.Helper()
	want := 0
	for _, c := range column {
		want += c.atOnce + c.later + c.innocent
	}
	got := 0
	for series, n := range s.service.Metrics(t) {
		if strings.HasPrefix(series, "passive_health_errors_total{") {
			got += int(n)
		}
	}
	if got != want {
		t.Errorf("%d failures were charged, the table shows %d", got, want)
	}
}

// watch notes when situations are charged.
type watch struct {
	*stage

	sent map[string]time.Time
	took map[string]time.Duration // until the first charge was seen
}

func (w *watch) look(t *testing.T) {
	t.Helper()
	now := time.Now()
	for _, host := range w.service.Hosts(t, "") {
		sent, ok := w.sent[host.Cluster]
		if _, known := w.took[host.Cluster]; ok && !known && host.TotalErrors > 0 {
			w.took[host.Cluster] = now.Sub(sent)
		}
	}
}

func (w *watch) log(t *testing.T) {
	t.Helper()
	var times []time.Duration
	for _, took := range w.took {
		times = append(times, took.Round(time.Millisecond))
	}
	slices.Sort(times)
	t.Logf("first charges seen after %v", times)
}

func markdown(cells map[envoy.Sample]map[string]cell) string {
	var b strings.Builder
	samples := envoy.Samples()
	b.WriteString("| situation | failed attempts |")
	for _, sample := range samples {
		fmt.Fprintf(&b, " %s |", sample)
	}
	b.WriteString("\n|---|---|" + strings.Repeat("---|", len(samples)) + "\n")
	for i := range sections {
		fmt.Fprintf(&b, "| **%s** |%s\n", sections[i].name, strings.Repeat(" |", len(samples)+1))
		for j := range sections[i].rows {
			fmt.Fprintf(&b, "| %s | %d |", sections[i].rows[j].name, sections[i].rows[j].blame)
			for _, sample := range samples {
				fmt.Fprintf(&b, " %s |", cells[sample][id(i, j)])
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

// assertInReadme compares a part of README.md, or writes it.
func assertInReadme(t testing.TB, from, to, want string) {
	t.Helper()
	data, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(data), from)
	old, after, ended := strings.Cut(rest, to)
	if !ok || !ended {
		t.Fatalf("%s has no %s", readme, strings.TrimSpace(from))
	}
	if *update {
		if err := os.WriteFile(readme, []byte(before+from+want+to+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(old, want); diff != "" {
		t.Errorf("%s is not what real Envoys do; `make blame` writes it anew (-there +real):\n%s", readme, diff)
	}
}
