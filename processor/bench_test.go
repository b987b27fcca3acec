package processor_test

import (
	"bufio"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"

	"github.com/envoy-passive-health/passive-health/health"
	"github.com/envoy-passive-health/passive-health/processor"
)

// stock is the server as one writes it with the generated types, to be compared with.
type stock struct {
	extprocv3.UnimplementedExternalProcessorServer
	recorder processor.Recorder
}

func (s *stock) Process(stream extprocv3.ExternalProcessor_ProcessServer) error {
	for {
		m, err := stream.Recv()
		if err != nil {
			return nil //nolint:nilerr // every end is a normal one here
		}
		fields := m.GetAttributes()[attributesKey].GetFields()
		if address, ok := health.ParseAddress(fields["upstream.address"].GetStringValue()); ok {
			s.recorder.Record(time.Now(), health.Observation{
				Host:     health.Host{Cluster: fields["xds.cluster_name"].GetStringValue(), Address: address},
				Reporter: fields["xds.node.id"].GetStringValue(),
				Status:   int(fields["response.code"].GetNumberValue()),
			})
		}
		if m.GetObservabilityMode() {
			return nil
		}
		if err := stream.Send(&extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_ResponseHeaders{
			ResponseHeaders: &extprocv3.HeadersResponse{},
		}}); err != nil {
			return nil //nolint:nilerr // as above
		}
	}
}

// BenchmarkServer compares the server's CPU and allocations per stream with the stock server's: all variants in turn,
// in each of several rounds, and the ratios within a round. The load comes from a process of its own, so that its
// cost is not in the figures.
func BenchmarkServer(b *testing.B) {
	for _, mode := range []string{"observability", "ordinary"} {
		b.Run(mode, func(b *testing.B) {
			for range b.N {
				compare(b, mode)
			}
		})
	}
}

func compare(b *testing.B, mode string) {
	b.Helper()
	const rounds = 7
	const lazyGC = 800 // percent: GOGC is a setting of the process, so it is shown apart
	var plain, tuned []float64
	var stock, ours cost
	for range rounds {
		stock, ours = measure(b, stockServer(), mode), measure(b, ourServer(), mode)
		plain = append(plain, stock.cpu/ours.cpu)
		before := debug.SetGCPercent(lazyGC)
		ours = measure(b, ourServer(), mode)
		debug.SetGCPercent(before)
		tuned = append(tuned, stock.cpu/ours.cpu)
	}
	b.ReportMetric(ours.cpu, "us/stream")
	b.ReportMetric(ours.allocs, "allocs/stream")
	b.ReportMetric(stock.cpu, "stock-us/stream")
	b.ReportMetric(stock.allocs, "stock-allocs/stream")
	reportRange(b, "times-less", plain)
	reportRange(b, "times-less-lazy-gc", tuned)
}

// reportRange reports the median, the least and the greatest of the rounds' ratios.
func reportRange(b *testing.B, name string, ratios []float64) {
	b.Helper()
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], name)
	b.ReportMetric(ratios[0], name+"-min")
	b.ReportMetric(ratios[len(ratios)-1], name+"-max")
}

func stockServer() *grpc.Server {
	g := grpc.NewServer()
	extprocv3.RegisterExternalProcessorServer(g, &stock{recorder: health.NewTracker()})
	return g
}

func ourServer() *grpc.Server {
	s := processor.NewServer(health.NewTracker(), processor.Options{})
	g := grpc.NewServer(s.ServerOptions()...)
	s.Register(g)
	return g
}

// cost is what one stream costs the server.
type cost struct {
	cpu    float64 // microseconds
	allocs float64
}

// measure serves streams from a client process and returns what each cost this process.
func measure(b *testing.B, g *grpc.Server, mode string) cost {
	b.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := g.Serve(listener); err != nil {
			b.Errorf("Serve: %v", err)
		}
	})
	defer serving.Wait()
	defer g.Stop()

	load := exec.CommandContext(b.Context(), os.Args[0])
	load.Env = append(os.Environ(), loadAddress+"="+listener.Addr().String(), loadMode+"="+mode)
	load.Stderr = os.Stderr
	stdin, stdout := pipes(b, load)
	if err := load.Start(); err != nil {
		b.Fatal(err)
	}
	lines := bufio.NewReader(stdout)
	await := func() {
		if line, err := lines.ReadString('\n'); err != nil {
			b.Fatalf("the client said %q: %v", line, err)
		}
	}
	await() // warm
	cpu, allocs := spent(b)
	if _, err := io.WriteString(stdin, "go\n"); err != nil {
		b.Fatal(err)
	}
	await() // done
	cpuAfter, allocsAfter := spent(b)
	if err := load.Wait(); err != nil {
		b.Fatal(err)
	}
	return cost{cpu: (cpuAfter - cpu) / loadStreams, allocs: float64(allocsAfter-allocs) / loadStreams}
}

func pipes(b *testing.B, c *exec.Cmd) (io.Writer, io.Reader) {
	b.Helper()
	stdin, err := c.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := c.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	return stdin, stdout
}

// spent returns this process's CPU time in microseconds and its allocations.
func spent(b *testing.B) (cpu float64, allocs uint64) {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e3, memory.Mallocs
}
