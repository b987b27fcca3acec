package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/envoy-passive-health/passive-health/"

// rooms says what each room may import of this module and of others, and why nothing else: values move one way,
// Envoy -> processor -> health -> xds -> Envoy, and nothing asks back up the chain.
var rooms = []struct {
	room    string
	allowed []string // import path prefixes beside the standard library
	why     string
}{
	{
		room: "health",
		why:  "the rules can be read, fuzzed and replayed with no Envoy in sight",
	},
	{
		room: "processor",
		allowed: []string{
			module + "health", module + "processor",
			"google.golang.org/grpc", "google.golang.org/protobuf", "github.com/envoyproxy/go-control-plane/envoy",
		},
		why: "a sensor turns bytes into observations and knows neither the actuator nor the program around it",
	},
	{
		room: "xds",
		allowed: []string{
			module + "health", module + "xds",
			"google.golang.org/grpc", "google.golang.org/protobuf", "google.golang.org/genproto/googleapis/rpc",
			"github.com/envoyproxy/go-control-plane",
		},
		why: "the actuator turns snapshots into EDS and knows no sensor",
	},
}

func TestRoomsImportOnlyWhatTheyMay(t *testing.T) {
	for _, tt := range rooms {
		t.Run(tt.room, func(t *testing.T) {
			for _, imported := range imports(t, "./../../"+tt.room+"/...") {
				if standard(imported) || slices.ContainsFunc(tt.allowed, func(p string) bool { return strings.HasPrefix(imported, p) }) {
					continue
				}
				t.Errorf("%s imports %s: %s", tt.room, imported, tt.why)
			}
		})
	}
}

// TestLinkedModules holds the number of modules that the binary links: each one is somebody's to keep an eye on.
func TestLinkedModules(t *testing.T) {
	const most = 30
	out := goList(t, "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", ".")
	slices.Sort(out)
	if linked := slices.Compact(out); len(linked) > most {
		t.Errorf("%d modules are linked, more than %d:\n%s", len(linked), most, strings.Join(linked, "\n"))
	}
}

// imports returns what the non-test files of the packages import directly.
func imports(t *testing.T, pattern string) []string {
	t.Helper()
	return goList(t, "-f", `{{join .Imports "\n"}}`, pattern)
}

func goList(t *testing.T, args ...string) []string {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list"}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("go list %v: %v\n%s", args, err, out)
	}
	return strings.Fields(string(out))
}

// standard says whether a path is of the standard library: its first element has no dot.
func standard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}
