package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/cli"
	"github.com/envoy-passive-health/passive-health/cmd/passive-health/config"
)

// operator sits at a terminal before the running program and keeps what he types and reads.
type operator struct {
	t          *testing.T
	program    *running
	transcript strings.Builder
}

// says writes a line of the story.
func (o *operator) says(line string) { o.transcript.WriteString("\n" + line + "\n") }

// types runs a verb, which must end with the given exit code, and returns what it printed.
func (o *operator) types(want int, args ...string) string {
	o.t.Helper()
	return o.typesFor(o.t.Context(), want, args...)
}

func (o *operator) typesFor(ctx context.Context, want int, args ...string) string {
	o.t.Helper()
	root := rootCommand(cli.Options{Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return o.program.admin.DialContext(ctx)
	}})
	var out bytes.Buffer
	if got := execute(ctx, root, args, &out, &out); got != want {
		o.t.Errorf("%v: exit code %d, want %d:\n%s", args, got, want, &out)
	}
	o.settles()
	fmt.Fprintf(&o.transcript, "\n```console\n$ passive-health %s\n%s", shell(args), &out)
	if want != 0 {
		fmt.Fprintf(&o.transcript, "[exit code %d]\n", want)
	}
	o.transcript.WriteString("```\n")
	return out.String()
}

// watches runs a verb that goes on until the operator ends it.
func (o *operator) watches(length time.Duration, args ...string) {
	o.t.Helper()
	ctx, cancel := context.WithTimeout(o.t.Context(), length)
	defer cancel()
	o.typesFor(ctx, 0, args...)
}

// fails lets n responses of a host be 503s.
func (o *operator) fails(host string, n int) {
	o.t.Helper()
	for range n {
		o.program.answer(o.t, host, "503", 503)
	}
	o.settles()
}

// settles waits until what was done is published and told.
func (o *operator) settles() { o.waits(2 * holdOff) }

func (o *operator) waits(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// shell writes arguments as one would type them.
func shell(args []string) string {
	words := make([]string, len(args))
	for i, arg := range args {
		words[i] = arg
		if strings.ContainsAny(arg, " {") {
			words[i] = `"` + arg + `"`
		}
	}
	return strings.Join(words, " ")
}

const fourHosts = `
policy: {recovery_jitter: 0}
clusters:
- name: web
  hosts: [10.0.0.1:8080, 10.0.0.2:8080, 10.0.0.3:8080, 10.0.0.4:8080]
`

// TestOperator plays a night on call against the whole program, and holds what is printed to the checked-in transcript,
// which -update writes anew.
func TestOperator(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 1)         // ids are random, and printed
	local := time.Local                      //nolint:gosmopolitan // times are printed in the operator's zone: the transcript's is UTC
	time.Local = time.UTC                    //nolint:gosmopolitan // as above
	t.Cleanup(func() { time.Local = local }) //nolint:gosmopolitan // as above
	t.Setenv("USER", "ann")
	synctest.Test(t, func(t *testing.T) {
		o := &operator{t: t, program: start(t, fourHosts)}
		defer o.program.end()
		pushes := o.program.watch(t)
		go func() {
			for range pushes {
				continue // an Envoy that takes whatever comes
			}
		}()
		synctest.Wait()
		o.transcript.WriteString("# A night on call\n\nWhat the verbs print, written by a test that plays it against the real service.\n")
		o.lookAround()
		o.ejection()
		o.orders()
		o.wholeCluster()
		o.mistakes()
		o.compare("cli/TRANSCRIPT.md")
		events, _ := o.program.journal.After(0)
		for _, e := range events {
			if !slices.Contains(config.EventNames(), e.Name) {
				t.Errorf("an event is called %s, which no webhook can ask for", e.Name)
			}
		}
	})
}

func (o *operator) lookAround() {
	o.says("Is the service there, and who is connected?")
	o.types(0, "status")
	o.types(0, "clusters")
	o.types(0, "proxies", "-o", "wide")
	o.types(0, "hosts")
	o.types(0, "config", "show")
}

func (o *operator) ejection() {
	o.says("`10.0.0.1:8080` answers 503 five times, `10.0.0.2:8080` three times. Which host, why, since when, until when?")
	o.fails("10.0.0.1:8080", 5)
	o.fails("10.0.0.2:8080", 3)
	o.waits(12 * time.Second)
	o.types(0, "hosts")
	o.types(0, "hosts", "--verdict", "ejected", "-o", "wide")
	o.types(0, "why", "web", "10.0.0.1:8080")
	o.says("What would it take to eject the other one?")
	o.types(0, "why", "web", "10.0.0.2:8080")
	o.says("The host comes back on time, at a tenth of its weight.")
	o.waits(20 * time.Second)
	o.types(0, "hosts", "-o", "wide")
	o.watches(20*time.Second, "events", "-f")
}

func (o *operator) orders() {
	o.says("Its disk is bad. Nobody should meet it before it is changed.")
	made := o.types(0, "eject", "web", "10.0.0.1:8080", "--for", "2h", "--comment", "bad disk", "--link", "https://tickets.example/7")
	o.types(0, "hosts", "-o", "wide")
	o.types(0, "keep", "web", "10.0.0.2:8080", "--for", "30m", "--comment", "its errors are a client's")
	o.fails("10.0.0.2:8080", 5)
	o.types(0, "why", "web", "10.0.0.2:8080")
	o.types(0, "pause", "--all", "--for", "10m", "--comment", "network works", "--by", "ben")
	o.types(0, "overrides", "-o", "wide")
	o.types(0, "clusters")
	o.types(0, "status")
	o.says("Ten minutes later the pause is over; the disk is changed sooner than thought.")
	o.waits(10 * time.Minute)
	o.types(0, "overrides", "end", strings.Fields(made[strings.LastIndex(made, "end"):])[1])
	o.types(0, "overrides", "--ended")
}

func (o *operator) wholeCluster() {
	o.waits(30 * time.Minute)
	o.says("All hosts fail at once: half stay in, because nothing past the cap goes out.")
	for _, host := range []string{"10.0.0.1:8080", "10.0.0.2:8080", "10.0.0.3:8080", "10.0.0.4:8080"} {
		o.fails(host, 5)
	}
	o.types(0, "clusters", "-o", "wide")
	o.types(0, "why", "web", "10.0.0.4:8080")
	o.says("That was a database. It is mended; there is no need to wait.")
	o.types(0, "reset", "web", "10.0.0.1:8080")
	o.types(0, "reset", "--all")
	o.types(0, "hosts", "-o", "json", "--cluster", "web", "--verdict", "ejected")
	o.types(0, "top", "--frames", "1")
}

func (o *operator) mistakes() {
	o.says("What is refused, and how. Exit code 1 is a failure, 2 a verb that could not run; the format changes neither.")
	o.types(1, "eject", "web", "--for", "1h", "--comment", "all of them")
	o.types(1, "eject", "web", "10.0.0.9:8080", "--for", "1h", "--comment", "no such host")
	o.types(1, "keep", "web", "--for", "48h", "--comment", "too long")
	o.types(1, "why", "web", "10.0.0.9:8080")
	o.types(1, "why", "web", "10.0.0.9:8080", "-o", "json")
	o.types(1, "overrides", "end", "NOSUCHORDER")
	o.types(2, "eject", "web", "10.0.0.1:8080", "--for", "1h")
	o.types(2, "eject", "web", "10.0.0.1:8080", "--comment", "for ever")
	o.types(2, "pause", "web", "10.0.0.1:8080", "--for", "1h", "--comment", "one host")
	o.types(2, "reset", "web")
	o.types(2, "hosts", "-o", "yaml")
	o.types(2, "hosts", "--server", "ftp://example")
}

func (o *operator) compare(path string) {
	o.t.Helper()
	got := strings.ReplaceAll(o.transcript.String(), buildInfo().version, "VERSION")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			o.t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		o.t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		o.t.Errorf("%s: want (-), got (+):\n%s", path, diff)
	}
}
