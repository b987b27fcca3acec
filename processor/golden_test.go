package processor_test

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/service/accesslog/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/proto"

	"github.com/envoy-passive-health/passive-health/health"
	"github.com/envoy-passive-health/passive-health/processor"
)

var update = flag.Bool("update", false, "write anew what the recorded messages say")

// recorded is one message of a real Envoy; `make record` writes them. Names in it are those of the situations in
// envoy/blame.
type recorded struct {
	Sample  string `json:"sample"`
	Method  string `json:"method"`
	Message []byte `json:"message"`
}

// Whatever a supported Envoy sends is read as protobuf reads it, and says what the text beside the recording says.
func TestRecordedMessages(t *testing.T) {
	files, err := filepath.Glob("testdata/golden/*.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	const versions = 4 // 1.37 to 1.40
	if len(files) != versions {
		t.Fatalf("recordings of %d versions, want %d: %v", len(files), versions, files)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			var lines []string
			for _, r := range readRecorded(t, file) {
				lines = slices.AppendSeq(lines, strings.Lines(r.check(t)))
			}
			slices.Sort(lines) // reports come when they come: so the versions can be compared
			said := strings.Join(lines, "")
			golden := strings.TrimSuffix(file, ".jsonl") + ".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(said), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), said); diff != "" {
				t.Errorf("%s (-want +got):\n%s", golden, diff)
			}
		})
	}
}

func readRecorded(t *testing.T, file string) (all []recorded) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r recorded
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	if err := lines.Err(); err != nil || len(all) == 0 {
		t.Fatalf("%s: %d messages, %v", file, len(all), err)
	}
	return all
}

// check holds our reading of a message against protobuf's, and returns what the message says, a line for each fact.
func (r *recorded) check(t *testing.T) string {
	t.Helper()
	switch r.Method {
	case "Process":
		got, err := processor.ReadFacts(r.Message)
		want, wantErr := reference(r.Message)
		if err != nil || wantErr != nil {
			t.Fatalf("%s: %v, protobuf says %v", r.Sample, err, wantErr)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(processor.Message{})); diff != "" {
			t.Errorf("%s: facts (-want +got):\n%s", r.Sample, diff)
		}
		o, drop := processor.Observe(&got)
		return r.line(&o, drop, string(got.Attributes.Details))
	case "StreamLoadStats":
		checkLoad(t, r.Message)
		return r.load(t)
	default:
		return r.entries(t)
	}
}

func (r *recorded) line(o *health.Observation, drop processor.Drop, details string) string {
	if drop != "" {
		return fmt.Sprintf("%s %s dropped as %s (%s)\n", r.Sample, r.Method, drop, details)
	}
	return fmt.Sprintf("%s %s %s %v %v status %d grpc %v (%s)\n",
		r.Sample, r.Method, o.Host.Cluster, o.Route, o.Outcome, o.Status, o.GRPC, details)
}

func (r *recorded) load(t *testing.T) string {
	t.Helper()
	var report processor.LoadReport
	if err := processor.ReadLoadReport(r.Message, &report); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	for i := range report.Clusters {
		c := &report.Clusters[i]
		for _, host := range c.Hosts {
			if host.Succeeded+host.Failed == 0 { // in progress
				continue
			}
			fmt.Fprintf(&said, "%s %s %s succeeded %d failed %d\n", r.Sample, r.Method, c.Name, host.Succeeded, host.Failed)
		}
		if c.Dropped > 0 {
			fmt.Fprintf(&said, "%s %s %s dropped %d\n", r.Sample, r.Method, c.Name, c.Dropped)
		}
	}
	return said.String()
}

func (r *recorded) entries(t *testing.T) string {
	t.Helper()
	var m accesslogv3.StreamAccessLogsMessage
	if err := proto.Unmarshal(r.Message, &m); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	for _, entry := range m.GetHttpLogs().GetLogEntry() {
		o, drop := processor.ObserveEntry(entry)
		said.WriteString(r.line(&o, drop, ""))
	}
	return said.String()
}
