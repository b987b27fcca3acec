//go:build bench

package bench

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/envoy-passive-health/passive-health/envoy"
	"github.com/envoy-passive-health/passive-health/envoy/envoytest"
	"github.com/envoy-passive-health/passive-health/envoy/load"
	"github.com/envoy-passive-health/passive-health/envoy/upstream"
)

const (
	hosts    = 5
	rate     = 400                     // requests a second, of all Envoys together
	calm     = 1500 * time.Millisecond // before the host turns bad
	quiet    = 1200 * time.Millisecond // without a request, the bad host counts as left alone
	patience = 30 * time.Second
)

// side is one way to find out about a bad host.
type side struct {
	name  string
	begin func(t *testing.T, n int, hosts []*upstream.Host) []*envoytest.Envoy
}

// fault is how a host turns bad.
type fault struct {
	name      string
	behaviour string
	horizon   time.Duration // after which a side that has not reacted is given up
	sides     []side
}

var (
	oursSide   = side{"passive-health", beginOurs}
	nativeSide = side{"Envoy, consecutive_5xx 5", native("consecutive_5xx: 5")}
	tunedSide  = side{"Envoy, failure_percentage, interval 1 s", native(
		"consecutive_5xx: 5, enforcing_failure_percentage: 100, failure_percentage_threshold: 20, failure_percentage_minimum_hosts: 1, " +
			"failure_percentage_request_volume: 10")}
	faults = []fault{
		{"is dead", "503", 10 * time.Second, []side{nativeSide, oursSide}},
		{"fails 30 % of its requests", "503,30%", 15 * time.Second, []side{nativeSide, tunedSide, oursSide}},
	}
	fleets = []int{1, 2, 4, 8}
)

// native are Envoys that find out alone. Their update_merge_window is 0s too: at its default of 1 s they fare worse.
func native(detection string) func(*testing.T, int, []*upstream.Host) []*envoytest.Envoy {
	return func(t *testing.T, n int, hosts []*upstream.Host) (fleet []*envoytest.Envoy) {
		t.Helper()
		var endpoints []string
		for _, host := range hosts {
			address, port, _ := strings.Cut(host.Addr(), ":")
			endpoints = append(endpoints, fmt.Sprintf(
				"{endpoint: {address: {socket_address: {address: %s, port_value: %s}}}}", address, port))
		}
		for range n {
			fleet = append(fleet, envoytest.StartConfig(t, fmt.Appendf(nil, nativeConfig, detection, strings.Join(endpoints, ", "))))
		}
		return fleet
	}
}

const nativeConfig = `
node: {id: envoy, cluster: edge}
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
static_resources:
  listeners:
  - name: main
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: main
          route_config: {virtual_hosts: [{name: main, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: web}}]}]}
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
  clusters:
  - name: web
    type: STATIC
    connect_timeout: 1s
    common_lb_config: {update_merge_window: 0s}
    outlier_detection: {interval: 1s, base_ejection_time: 60s, max_ejection_percent: 50, %s}
    load_assignment: {cluster_name: web, endpoints: [{lb_endpoints: [%s]}]}
`

func beginOurs(t *testing.T, n int, hosts []*upstream.Host) (fleet []*envoytest.Envoy) {
	t.Helper()
	var addresses []string
	for _, host := range hosts {
		addresses = append(addresses, fmt.Sprintf("%q", host.Addr()))
	}
	service := envoytest.StartService(t, program,
		"policy: {recovery_time: 60s}\nclusters: [{name: web, hosts: ["+strings.Join(addresses, ", ")+"]}]\n")
	for i := range n {
		fleet = append(fleet, envoytest.Start(t, envoy.ErrorsOnly,
			envoy.Params{NodeID: fmt.Sprintf("envoy-%d", i), ExtProc: service.ExtProc, XDS: service.XDS}))
	}
	return fleet
}

// result is one run: what clients got, and how long the bad host was used.
type result struct {
	errors int
	used   time.Duration // from the fault to the last request that it got; the horizon if it never ended
	ended  bool
}

func measure(t *testing.T, f fault, s side, n int) (r result) {
	t.Run(fmt.Sprintf("%s, %s, %d", f.name, s.name, n), func(t *testing.T) {
		var all []*upstream.Host
		for range hosts {
			all = append(all, envoytest.StartHost(t))
		}
		bad := all[0]
		var clients []*load.Client
		for _, e := range s.begin(t, n, all) {
			clients = append(clients, load.Start(t.Context(), e.URL, rate/n))
		}
		began := time.Now()
		envoytest.Until(t, patience, "there is traffic", func() bool { return bad.Since(began) > 0 && time.Since(began) > calm })
		turned := time.Now()
		envoytest.Behave(t, bad, f.behaviour)
		envoytest.Until(t, f.horizon+patience, "the host is left alone", func() bool {
			r.ended = bad.Since(time.Now().Add(-quiet)) == 0
			return r.ended || time.Since(turned) > f.horizon
		})
		for _, c := range clients {
			c.Stop()
			_, failed := c.Counts()
			r.errors += failed
		}
		r.used = f.horizon
		if requests := bad.Requests(); r.ended && len(requests) > 0 {
			r.used = max(requests[len(requests)-1].At.Sub(turned), 0)
		}
	})
	return r
}

// TestFleet measures what a host that turns bad costs the clients of N Envoys. The sides take turns within each round, so
// that a slow moment of the machine meets all of them.
func TestFleet(t *testing.T) {
	rounds := 3
	var table strings.Builder
	for _, f := range faults {
		results := map[string][]result{}
		for range rounds {
			for _, n := range fleets {
				for _, s := range f.sides {
					key := fmt.Sprint(s.name, n)
					results[key] = append(results[key], measure(t, f, s, n))
				}
			}
		}
		fmt.Fprintf(&table, "\nA host %s. Errors that clients got; time until no Envoy used the host any more:\n\n| Envoys |", f.name)
		for _, s := range f.sides {
			fmt.Fprintf(&table, " %s |", s.name)
		}
		table.WriteString("\n|---|" + strings.Repeat("---|", len(f.sides)) + "\n")
		for _, n := range fleets {
			fmt.Fprintf(&table, "| %d |", n)
			for _, s := range f.sides {
				fmt.Fprintf(&table, " %s |", summary(results[fmt.Sprint(s.name, n)]))
			}
			table.WriteString("\n")
		}
		draw(t, f, results)
	}
	fmt.Println(table.String())
}

// summary is the median and the range.
func summary(all []result) string {
	errors, used := sorted(all, func(r result) int { return r.errors }), sorted(all, func(r result) time.Duration { return r.used })
	text := fmt.Sprintf("%d [%d-%d]; %v", errors[len(errors)/2], errors[0], errors[len(errors)-1], used[len(used)/2].Round(time.Millisecond))
	if slices.ContainsFunc(all, func(r result) bool { return !r.ended }) {
		return text + " (given up)"
	}
	return text
}

func sorted[T cmp.Ordered](all []result, of func(result) T) (values []T) {
	for _, r := range all {
		values = append(values, of(r))
	}
	slices.Sort(values)
	return values
}

// draw writes a chart of the errors, a bar each, to artifacts/.
func draw(t *testing.T, f fault, results map[string][]result) {
	t.Helper()
	most := 1
	for _, all := range results {
		most = max(most, sorted(all, func(r result) int { return r.errors })[len(all)/2])
	}
	const width, left, bar = 560, 250, 18
	var b strings.Builder
	y := 44
	for _, n := range fleets {
		for i, s := range f.sides {
			median := sorted(results[fmt.Sprint(s.name, n)], func(r result) int { return r.errors })
			errors := median[len(median)/2]
			color := []string{"#9aa5b1", "#c0a16b", "#2f855a"}[i+3-len(f.sides)]
			fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%s</text><rect x="%d" y="%d" width="%d" height="%d" fill="%s"/>`+
				`<text x="%d" y="%d">%d</text>`+"\n", left-8, y+13, label(n, s.name, i), left, y, max(errors*width/most, 1), bar-4, color,
				left+max(errors*width/most, 1)+6, y+13, errors)
			y += bar
		}
		y += 10
	}
	svg := fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+
		`<rect width="100%%" height="100%%" fill="#fff"/><text x="8" y="24" font-size="15">Errors that clients got: a host %s</text>`+"\n%s</svg>\n",
		left+width+60, y+10, f.name, b.String())
	name := map[bool]string{true: "fleet-dead.svg", false: "fleet-partial.svg"}[f.behaviour == "503"]
	dir := filepath.Join("..", "..", "artifacts")
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // to be looked at
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte(svg), 0o600); err != nil {
		t.Fatal(err)
	}
}

func label(n int, side string, i int) string {
	if i > 0 {
		return side
	}
	return fmt.Sprintf("%d x %s", n, side)
}
