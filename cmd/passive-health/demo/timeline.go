package demo

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/envoy-passive-health/passive-health/health"
)

// color is a terminal's.
type color string

const (
	plain  color = ""
	dim    color = "\x1b[2m"
	red    color = "\x1b[1;31m"
	green  color = "\x1b[32m"
	yellow color = "\x1b[33m"
	reset        = "\x1b[0m"
)

// timeline tells what happens, a line each. It only puts into words what it is given.
type timeline struct {
	out   io.Writer
	color bool
}

// line prints one event. A reader who has gone is no reason to end: the exit code still tells.
func (t *timeline) line(at time.Time, c color, word, text string) {
	fmt.Fprintf(t.out, "%s  %s  %s\n", t.paint(dim, clock(at)), t.paint(c, fmt.Sprintf("%-9s", word)), text)
}

func (t *timeline) paint(c color, text string) string {
	if !t.color || c == plain {
		return text
	}
	return string(c) + text + reset
}

// clock is the time of day to the tenth of a second.
func clock(at time.Time) string { return at.Format("15:04:05.0") }

func (t *timeline) introduction(s *stage, version string, pace Pace, policy health.Policy) {
	fmt.Fprintf(t.out, "On this machine: %d hosts, %d Envoys (%s) with the shipped envoy.yaml, and passive-health between them.\n",
		len(s.sites), len(s.proxies), version)
	fmt.Fprintf(t.out, "recovery_time is %v here instead of the default %v, so that you wait less.\n\n", pace.Recovery, policy.RecoveryTime)
	var rates []string
	for _, p := range s.proxies {
		rates = append(rates, fmt.Sprintf("%d req/s through %s", p.rate, p.name))
	}
	t.line(time.Now(), plain, "traffic", fmt.Sprintf("%s, to %d healthy hosts", strings.Join(rates, " and "), len(s.sites)))
}

func (t *timeline) broken(at time.Time, host site) {
	t.line(at, plain, "broken", fmt.Sprintf("%s (%s) now answers 503", host.name, host.Addr()))
}

func (t *timeline) counted(at time.Time, name string, errors int, reporters []string, policy health.Policy) {
	t.line(at, yellow, "suspect", fmt.Sprintf("%s  %d of %d errors in %v, seen by %s",
		name, errors, policy.ErrorThreshold, policy.Window, strings.Join(reporters, ", ")))
}

func (t *timeline) moved(name string, m move) {
	switch m.To {
	case health.Ejected:
		t.line(m.At, red, "EJECTED", name+"  "+m.Text)
	case health.Probation:
		t.line(m.At, yellow, "probation", name+"  "+m.Text)
	case health.Healthy:
		t.line(m.At, green, "healthy", name+"  "+m.Text)
	}
}

func (t *timeline) weight(at time.Time, name string, now, full int) {
	t.line(at, yellow, "probation", fmt.Sprintf("%s  weight %d of %d", name, now, full))
}

// acks tells how long after the ejection each Envoy had confirmed it.
func (t *timeline) acks(ejected time.Time, proxies []proxyState) {
	texts := make([]string, len(proxies))
	for i, p := range proxies {
		texts[i] = fmt.Sprintf("%s after %.1fms", p.Node, float64(p.LastAck.Sub(ejected).Microseconds())/1000)
	}
	t.line(latest(proxies), plain, "confirmed", "by "+strings.Join(texts, ", "))
}

func latest(proxies []proxyState) (at time.Time) {
	for _, p := range proxies {
		if p.LastAck.After(at) {
			at = p.LastAck
		}
	}
	return at
}

// own tells how many errors of the host an Envoy saw itself, by its own count.
func (t *timeline) own(at time.Time, proxy, host string, errors int64) {
	t.line(at, plain, "", fmt.Sprintf("%s saw %d errors of its own from %s", proxy, errors, host))
}

// quiet tells how many requests have reached the host in the time, by its own count.
func (t *timeline) quiet(until, from time.Time, host string, requests int) {
	t.line(until, plain, "quiet", fmt.Sprintf("%d requests reached %s from %s to %s", requests, host, clock(from), clock(until)))
}

func (t *timeline) mended(at time.Time, host site, until time.Time) {
	t.line(at, plain, "mended", fmt.Sprintf("%s answers 200 again; nobody asks it before %s", host.name, clock(until)))
}

// result sums up what it cost the clients.
func (t *timeline) result(at, broken time.Time, b bill) {
	t.line(at, green, "result", fmt.Sprintf("%d of the clients' %d requests failed%s", b.failed, b.total, b.span(broken)))
}

// span says when the last request failed.
func (b bill) span(broken time.Time) string {
	if b.failed == 0 {
		return ""
	}
	return fmt.Sprintf(", the last one %v after the host broke", b.last.Sub(broken).Round(10*time.Millisecond))
}

// keeping says where everything is.
func (t *timeline) keeping(s *stage) {
	fmt.Fprint(t.out, "\nEverything keeps running until Ctrl-C:\n")
	for _, p := range s.proxies {
		fmt.Fprintf(t.out, "  %-9s http://%s/ (admin http://%s/)\n", p.name, p.envoy.Address(), p.envoy.AdminAddress())
	}
	for _, host := range s.sites {
		fmt.Fprintf(t.out, "  %-9s http://%s/\n", host.name, host.Addr())
	}
	fmt.Fprintf(t.out, "  service   http://%s/api/v1/hosts, /api/v1/proxies, /metrics (configuration %s)\n",
		s.doors.Admin.Addr(), s.config)
	fmt.Fprintf(t.out, "Break a host, and mend it:\n")
	for _, verb := range []string{"break", "mend"} {
		fmt.Fprintf(t.out, "  passive-health demo %s --control %s %s\n", verb, s.control, s.sites[0].name)
	}
	fmt.Fprintln(t.out)
}
