package health

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write COMPARISON.md instead of comparing with it")

// story is what happens to a cluster. Time is cut into tenths of a second; in each, every host in rotation gets a
// request if it is due one.
type story struct {
	name, what string
	hosts      int
	bad        func(host, tenth int) bool // whether a request, or an active check, would fail then
	every      func(host int) int         // a request each so many tenths; nil for each tenth
	late       bool                       // a host that has just gone out answers one more with an error
	rescued    bool                       // by retries: errors are of attempts, and our filter does not see them
}

func always(hosts ...int) func(int, int) bool {
	return func(host, _ int) bool { return len(hosts) > host && hosts[host] == 1 }
}

// third says of every tenth whether it is one of 30 % that are spread evenly.
func third(tenth int) bool { return (tenth+1)*3/10 != tenth*3/10 }

var stories = []story{
	{
		name: "burst", what: "host 1 of 5 fails for half a second", hosts: 5,
		bad: func(h, t int) bool { return h == 0 && t >= 10 && t < 15 },
	},
	{name: "slow drip", what: "host 1 of 5 fails once every 10 s", hosts: 5, bad: func(h, t int) bool { return h == 0 && t%100 == 0 }},
	{name: "one of ten, dead", what: "host 1 of 10 fails always", hosts: 10, bad: always(1)},
	{name: "one of five, dead", what: "host 1 of 5 fails always", hosts: 5, bad: always(1)},
	{name: "one bad of two", what: "host 1 of 2 fails always", hosts: 2, bad: always(1)},
	{name: "all bad", what: "all 4 hosts fail always", hosts: 4, bad: always(1, 1, 1, 1)},
	{name: "single host", what: "the only host fails always", hosts: 1, bad: always(1)},
	{name: "tiny cluster", what: "host 1 of 3 fails always", hosts: 3, bad: always(1)},
	{
		name: "flapping", what: "host 1 of 5 fails for 5 s, is well for 5 s, and so on", hosts: 5,
		bad: func(h, t int) bool { return h == 0 && t/50%2 == 0 },
	},
	{
		name: "failing again on return", what: "host 1 of 5 fails for 2 minutes", hosts: 5,
		bad: func(h, t int) bool { return h == 0 && t < 1200 },
	},
	{name: "retries", what: "host 1 of 5 fails always, and each time a retry rescues the request", hosts: 5, bad: always(1), rescued: true},
	{name: "30 % failing", what: "host 1 of 5 fails 3 of 10 requests", hosts: 5, bad: func(h, t int) bool { return h == 0 && third(t) }},
	{name: "late errors", what: "as one of five; one more error comes in each time it has gone out", hosts: 5, bad: always(1), late: true},
	{
		name: "cap reached, then freed", what: "hosts 1 to 3 of 4 fail; host 1 is mended after 10 s", hosts: 4,
		bad: func(h, t int) bool { return h < 3 && (h > 0 || t < 100) },
	},
	{
		name: "quiet host", what: "host 1 of 5 gets a request every 20 s, and fails it", hosts: 5, bad: always(1),
		every: func(h int) int { return map[bool]int{true: 200, false: 1}[h == 0] },
	},
	{
		name: "busy host", what: "all 5 fail 2 %; host 1 gets ten times the requests", hosts: 5,
		bad:   func(_, t int) bool { return t%50 == 0 },
		every: func(h int) int { return map[bool]int{true: 1, false: 10}[h == 0] },
	},
	{
		name: "deploy", what: "each of 5 hosts in turn fails for 3 s", hosts: 5,
		bad: func(h, t int) bool { return t/30 == h },
	},
}

// outcome is what became of a story under one system's rules.
type outcome struct {
	errors    int // that clients got
	firstOut  time.Duration
	times     int           // that a host went out
	worst     int           // hosts out at once
	wrong     time.Duration // that hosts were out while they were well
	requested int
}

const (
	lasts = 5 * 60 * 10 // tenths of a second
	tenth = 100 * time.Millisecond
)

func (s *story) play(r rival) (o outcome) {
	was := make([]bool, s.hosts)
	for t := range lasts {
		now := time.Duration(t) * tenth
		r.advance(now)
		for host := range s.hosts {
			s.step(r, host, t, &o)
			out := r.isOut(host)
			if out && !was[host] {
				o.times++
				if o.times == 1 {
					o.firstOut = now
				}
				if s.late {
					r.record(now, host, true)
				}
			}
			was[host] = out
			if out && !s.bad(host, t) {
				o.wrong += tenth
			}
		}
		o.worst = max(o.worst, count(was))
	}
	return o
}

// step sends what is due to a host, and checks it every 2 s for those who do that.
func (s *story) step(r rival, host, t int, o *outcome) {
	failed := s.bad(host, t)
	if t%20 == 0 {
		r.check(time.Duration(t)*tenth, host, !failed)
	}
	every := 1
	if s.every != nil {
		every = s.every(host)
	}
	if t%every != 0 || r.isOut(host) {
		return
	}
	o.requested++
	o.errors += btoi(failed)
	if us, ok := r.(ours); ok && failed && s.rescued {
		us.hide(time.Duration(t)*tenth, host)
		return
	}
	r.record(time.Duration(t)*tenth, host, failed)
}

func count(all []bool) (n int) {
	for _, b := range all {
		n += btoi(b)
	}
	return n
}

func (o outcome) String() string {
	if o.times == 0 {
		return fmt.Sprintf("%d errors; never out", o.errors)
	}
	return fmt.Sprintf("%d errors; out at %v, %d times, %d at once", o.errors, o.firstOut, o.times, o.worst)
}

// TestComparison holds COMPARISON.md to the rules.
func TestComparison(t *testing.T) {
	systems := []func(int) rival{newOurs, newEnvoy(10), newEnvoy(50), newHAProxy, newGRPC}
	var b strings.Builder
	b.WriteString(comparisonHead)
	b.WriteString("| what happens |")
	for _, system := range systems {
		fmt.Fprintf(&b, " %s |", system(1).name())
	}
	b.WriteString("\n|---|---|---|---|---|---|\n")
	for i := range stories {
		s := &stories[i]
		fmt.Fprintf(&b, "| **%s**: %s |", s.name, s.what)
		for _, system := range systems {
			fmt.Fprintf(&b, " %v |", s.play(system(s.hosts)))
		}
		b.WriteString("\n")
	}
	b.WriteString(comparisonTail)
	if *update {
		if err := os.WriteFile("COMPARISON.md", []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("COMPARISON.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("COMPARISON.md is out of date (-it +now; go test ./health -run TestComparison -update):\n%s", diff)
	}
}

const comparisonHead = `# Our rules beside others

The same five minutes under five sets of rules, for one proxy: each host in rotation gets ten requests a second, unless the
row says otherwise. A cell says how many errors clients got, when the first host went out, how often a host went out,
and how many were out at once.

The first column is package health at its defaults (without the jitter). The others are models of what the documentation
of those systems describes, at the defaults it gives, not runs of the systems; they are in rivals_test.go. What they
model of N proxies is each proxy's own: with N of them, multiply the other columns' errors by N, and not the first.

` + "`go test ./health -run TestComparison -update`" + ` makes this table, and every test run compares it.

`

const comparisonTail = `
What to read from it:

- Envoy's default cap of 10 percent ejects nothing from fewer than ten hosts; so its column at our cap stands beside it.
- Consecutive errors never see a host that fails 30 percent of its requests; errors in a window do.
- HAProxy brings a server back by active checks, as soon as it is well; we wait for the time, which costs nobody anything
  while other hosts are in, and return it at a tenth of its weight.
- gRPC's rule needs five hosts and fifty requests in ten seconds, and looks every ten seconds.
- A bare count sends out the busiest host of a cluster whose hosts all fail a little: set failure_percent where that is
  normal.
- A retry that hides a failure from the client hides it from none of these columns: Envoy charges each attempt, and our
  load reports show what the filter did not. They come a second or two late, which is the difference in that row.
- A request that finds no host in rotation is no error of this table: "all bad" and "single host" flatter HAProxy, which
  takes out the last server too. A host in probation gets all of its requests here, a tenth of them in Envoy.
`
