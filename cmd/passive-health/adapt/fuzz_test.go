package adapt_test

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/adapt"
)

// FuzzAdapt: no input crashes it, nothing changes outside of the edits, and a second run has nothing to do.
func FuzzAdapt(f *testing.F) {
	paths, err := os.ReadDir("testdata/configs")
	if err != nil {
		f.Fatal(err)
	}
	for _, dir := range paths {
		for _, name := range []string{"/envoy.yaml", "/envoy.json"} {
			if text, err := os.ReadFile("testdata/configs/" + dir.Name() + name); err == nil {
				f.Add(text, false, false)
				f.Add(text, true, false)
			}
		}
	}
	f.Add([]byte(bootstrap(web(""))), false, true)
	f.Fuzz(func(t *testing.T, text []byte, aggregate, observe bool) {
		options := adapt.Options{ObserveOnly: observe}
		if aggregate {
			options.Fallback = adapt.FallbackAggregate
		}
		in := adapt.Input{EnvoyName: "envoy.yaml", ConfigName: "passive-health.yaml", Envoy: text}
		result, err := adapt.Adapt(in, options)
		if err != nil {
			return
		}
		if undone := undo(t, result.Envoy); !bytes.Equal(undone, text) {
			t.Fatalf("without its edits the result is\n%q\nnot the original\n%q", undone, text)
		}
		if diff := result.Envoy.Diff(); !bytes.Equal(patched(t, text, diff), result.Envoy.New()) {
			t.Fatalf("the diff does not lead to the result:\n%s", diff)
		}
		again := adapt.Input{EnvoyName: "envoy.yaml", ConfigName: "passive-health.yaml", Envoy: result.Envoy.New(), Config: result.Config.New()}
		second, err := adapt.Adapt(again, options)
		if refusal := (*adapt.Refusal)(nil); err != nil && !errors.As(err, &refusal) {
			t.Fatalf("the result cannot be read again: %v\n%s", err, again.Envoy)
		}
		if second.Changed() {
			t.Fatalf("the second run changes:\n%s%s", second.Envoy.Diff(), second.Config.Diff())
		}
	})
}

// undo takes the edits out of the result again.
func undo(t *testing.T, file adapt.File) []byte {
	t.Helper()
	text := file.New()
	for _, edit := range file.Edits {
		at := edit.Start // what comes before is as in the original by now
		if got := string(text[at : at+len(edit.Text)]); got != edit.Text {
			t.Fatalf("at %d is %q, want the edit %q", at, got, edit.Text)
		}
		text = append(append(bytes.Clone(text[:at]), file.Old[edit.Start:edit.End]...), text[at+len(edit.Text):]...)
	}
	return text
}
