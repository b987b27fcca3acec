package adapt_test

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/adapt"
	"github.com/envoy-passive-health/passive-health/envoy"
)

var (
	update   = flag.Bool("update", false, "write the tables of outcomes anew")
	examples = flag.String("examples", "", "a checkout of github.com/envoyproxy/examples, to adapt each of its Envoy configurations")
)

// The tables of outcomes. The second one is of configurations that were not written for this project; it says itself
// of which commit.
const (
	ownTable      = "testdata/OUTCOMES.md"
	examplesTable = "testdata/OUTCOMES-EXAMPLES.md"
)

// TestOutcomes adapts whole configurations, has a real Envoy judge each result, and compares with the table.
func TestOutcomes(t *testing.T) {
	compareTable(t, ownTable, "testdata/configs")
	if *examples != "" {
		compareTable(t, examplesTable, *examples)
	}
}

func compareTable(t *testing.T, table, dir string) {
	t.Helper()
	binary, err := envoy.Binary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(string(old), "| file |")
	var rows strings.Builder
	rows.WriteString("| file | original | adapted | with `--fallback aggregate` | left alone |\n|---|---|---|---|---|\n")
	for _, path := range configurations(t, dir) {
		rows.WriteString(row(t, binary, dir, path))
	}
	if *update {
		if err := os.WriteFile(table, []byte(head+rows.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(old), head+rows.String()); diff != "" {
		t.Errorf("%s (-checked in, +now; -update writes it anew):\n%s", table, diff)
	}
}

var isEnvoy = regexp.MustCompile(`(^|/)[^/]*envoy[^/]*\.(ya?ml|json)$`)

// configurations lists the Envoy configurations below a folder.
func configurations(t *testing.T, dir string) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && isEnvoy.MatchString(path) {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) < 10 {
		t.Fatalf("%s: %d configurations, want at least 10", dir, len(paths))
	}
	return paths
}

// row adapts one configuration in each way that the table shows.
func row(t *testing.T, binary, dir, path string) string {
	t.Helper()
	name, err := filepath.Rel(dir, path)
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	original := adapt.Validate(t.Context(), binary, filepath.Ext(path), source)
	plain, notes := outcome(t, binary, path, source, original, adapt.Options{})
	aggregate, _ := outcome(t, binary, path, source, original, adapt.Options{Fallback: adapt.FallbackAggregate})
	if watched, _ := outcome(t, binary, path, source, original, adapt.Options{ObserveOnly: true}); watched == "" {
		t.Errorf("%s: --observe-only has no outcome", path)
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s |\n", name, verdict(original), plain, aggregate, notes)
}

// outcome adapts a configuration and returns what came of it. A result must be as good as the original to Envoy, and
// adapting it again must change nothing.
func outcome(t *testing.T, binary, path string, source []byte, original error, options adapt.Options) (text, notes string) {
	t.Helper()
	in := adapt.Input{EnvoyName: filepath.Base(path), ConfigName: "passive-health.yaml", Envoy: source}
	result, err := adapt.Adapt(in, options)
	lines := make([]string, len(result.Notes))
	for i, note := range result.Notes {
		lines[i] = cell(note.String())
	}
	notes = strings.Join(lines, "<br>")
	if refusal := (*adapt.Refusal)(nil); errors.As(err, &refusal) {
		return "refused: " + cell(refusal.Error()), notes
	} else if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	now := adapt.Validate(t.Context(), binary, filepath.Ext(path), result.Envoy.New())
	if verdict(now) != verdict(original) {
		t.Errorf("%s with %+v: Envoy says of the adapted file: %v\nof the original: %v", path, options, now, original)
	}
	in.Envoy, in.Config = result.Envoy.New(), result.Config.New()
	if again, err := adapt.Adapt(in, options); err != nil || again.Changed() {
		t.Errorf("%s with %+v: adapted again: error %v, diff\n%s%s", path, options, err, again.Envoy.Diff(), again.Config.Diff())
	}
	return fmt.Sprintf("%s; %d hosts moved", verdict(now), strings.Count(string(result.Config.New()), "address:")), notes
}

// verdict is Envoy's answer in a few words that are the same on each machine.
func verdict(err error) string {
	if err == nil {
		return "valid"
	}
	return "invalid: " + cell(strings.TrimSuffix(err.Error(), " (exit status 1)"))
}

// cell makes a text fit a table.
func cell(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > 240 {
		text = strings.ToValidUTF8(text[:240], "") + "..."
	}
	return strings.ReplaceAll(text, "|", `\|`)
}
