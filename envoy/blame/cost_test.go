package blame_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/envoy-passive-health/passive-health/envoy"
	"github.com/envoy-passive-health/passive-health/envoy/envoytest"
)

const (
	costFrom = "<!-- cost: made by `make bench-cost`, do not edit -->\n"
	costTo   = "<!-- /cost -->\n"

	costRounds      = 9
	costConnections = 16
	costRequests    = 400 // of each connection in a round
)

// variant is one Envoy whose CPU is measured.
type variant struct {
	name    string
	envoy   *envoytest.Envoy
	perCall []float64 // microseconds of Envoy's CPU for a request, by round
	service []float64 // and of the service's
}

// What a request costs Envoy with each sample, beside the same Envoy without the filter and without load reports. All
// Envoys run at the same time and are measured in turn, in another order each round; the ratio is to "none" in the same
// round. One request in a hundred fails.
func BenchmarkCost(b *testing.B) {
	for range b.N {
		variants, service := startVariants(b)
		for round := range costRounds {
			for i := range variants {
				variants[(i+round)%len(variants)].measure(b, service)
			}
		}
		table := costTable(variants)
		b.Log("\n" + table)
		if *update {
			assertInReadme(b, costFrom, costTo, table)
		}
	}
}

func startVariants(b *testing.B) ([]*variant, *envoytest.Service) {
	b.Helper()
	host := envoytest.StartHost(b)
	envoytest.Behave(b, host, "503,1%")
	names := []string{"none"}
	var config strings.Builder
	fmt.Fprintf(&config, "policy: {error_threshold: 10000, window: 1h}\nclusters:\n- {name: none, hosts: [%q]}\n", host.Addr())
	for _, s := range envoy.Samples() {
		names = append(names, string(s))
		fmt.Fprintf(&config, "- {name: %s, sensors: %s, hosts: [%q]}\n", s, sensors[s], host.Addr())
	}
	service := envoytest.StartService(b, program, config.String())
	variants := make([]*variant, 0, len(names))
	for _, name := range names {
		v := &variant{name: name, envoy: startVariant(b, name, service)}
		envoytest.Until(b, patience, "Envoy has its host", func() bool {
			_, ok := v.envoy.Host(b, name, host.Addr())
			return ok
		})
		v.measure(b, service) // to warm up
		v.perCall, v.service = nil, nil
		variants = append(variants, v)
	}
	return variants, service
}

func startVariant(b *testing.B, name string, service *envoytest.Service) *envoytest.Envoy {
	b.Helper()
	sample := envoy.Sample(name)
	if name == "none" {
		sample = envoy.ErrorsOnly
	}
	rendered, err := envoy.Render(sample, envoy.Params{
		NodeID: name, Cluster: name, Admin: "127.0.0.1:0", Listener: "127.0.0.1:0", ExtProc: service.ExtProc, XDS: service.XDS,
	})
	if err != nil {
		b.Fatal(err)
	}
	var tree map[string]any
	if err := yaml.Load(rendered, &tree); err != nil {
		b.Fatal(err)
	}
	boot := bootstrap{tree}
	if name == "none" {
		delete(tree, "cluster_manager")
		manager := in[map[string]any](tree, "static_resources", "listeners", 0, "filter_chains", 0, "filters", 0, "typed_config")
		manager["http_filters"] = manager["http_filters"].([]any)[1:] // the router is left
	}
	if options, ok := boot.web()["typed_extension_protocol_options"].(map[string]any); ok { // the host is HTTP/1
		for _, o := range options {
			o.(map[string]any)["explicit_http_config"] = map[string]any{"http_protocol_options": map[string]any{}}
		}
	}
	config, err := yaml.Marshal(tree)
	if err != nil {
		b.Fatal(err)
	}
	return envoytest.StartConfig(b, config)
}

// measure sends one round's requests.
func (v *variant) measure(b *testing.B, service *envoytest.Service) {
	b.Helper()
	const cpu = "process_cpu_seconds_total"
	begin, beginService := cpuOf(b, v.envoy.PID()), service.Metrics(b)[cpu]
	var wg sync.WaitGroup
	failures := make(chan error, costConnections)
	for range costConnections {
		wg.Go(func() { failures <- closedLoop(v.envoy.Address()) })
	}
	wg.Wait()
	close(failures)
	for err := range failures {
		if err != nil {
			b.Fatal(err)
		}
	}
	const requests = costConnections * costRequests
	v.perCall = append(v.perCall, float64((cpuOf(b, v.envoy.PID())-begin).Nanoseconds())/1e3/requests)
	v.service = append(v.service, (service.Metrics(b)[cpu]-beginService)*1e6/requests)
}

// closedLoop sends requests on one connection, each when the one before is answered.
func closedLoop(address string) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	reader := bufio.NewReader(conn)
	for range costRequests {
		if _, err := fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: web\r\n\r\n"); err != nil {
			return err
		}
		response, err := nethttp.ReadResponse(reader, nil)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, response.Body)
		if err := errors.Join(err, response.Body.Close()); err != nil {
			return err
		}
	}
	return nil
}

// cpuOf is the time that a process has been on a core, all threads.
func cpuOf(b *testing.B, pid int) time.Duration {
	b.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || files == nil {
		b.Fatalf("no schedstat of process %d (%v): this runs on Linux only", pid, err)
	}
	var sum time.Duration
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			continue // a thread that has ended
		}
		text, _, _ := strings.Cut(string(data), " ")
		ns, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		sum += time.Duration(ns)
	}
	return sum
}

func costTable(variants []*variant) string {
	var t strings.Builder
	t.WriteString("| sample | Envoy, µs of CPU a request | against none | service, µs of CPU a request |\n|---|---|---|---|\n")
	for _, v := range variants {
		ratios := make([]float64, costRounds)
		for i := range ratios {
			ratios[i] = v.perCall[i] / variants[0].perCall[i]
		}
		fmt.Fprintf(&t, "| %s | %s | %s | %s |\n", v.name, spread(v.perCall, 1), spread(ratios, 2), spread(v.service, 1))
	}
	return t.String()
}

// spread is the median and the range.
func spread(values []float64, digits int) string {
	sorted := slices.Sorted(slices.Values(values))
	return fmt.Sprintf("%.*f [%.*f-%.*f]", digits, sorted[len(sorted)/2], digits, sorted[0], digits, sorted[len(sorted)-1])
}
