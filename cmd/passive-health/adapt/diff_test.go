package adapt_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/adapt"
)

// patched applies a unified diff strictly: every context line and every removed line must be where it says.
func patched(t *testing.T, old []byte, diff string) []byte {
	t.Helper()
	lines := strings.SplitAfter(string(old), "\n")
	var out strings.Builder
	at := 0
	body := strings.SplitAfter(diff, "\n")
	for i, line := range body {
		text := line[min(1, len(line)):]
		if i+1 < len(body) && strings.HasPrefix(body[i+1], "\\") {
			text = strings.TrimSuffix(text, "\n")
		}
		switch {
		case i < 2, line == "", strings.HasPrefix(line, "\\"):
		case strings.HasPrefix(line, "@@"):
			var from, count int
			if _, err := fmt.Sscanf(line, "@@ -%d,%d", &from, &count); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			for ; at < from-min(count, 1); at++ {
				out.WriteString(lines[at])
			}
		case line[0] == '+':
			out.WriteString(text)
		case lines[at] != text:
			t.Fatalf("line %d is %q, not %q as in\n%s", at+1, lines[at], text, diff)
		default:
			if line[0] == ' ' {
				out.WriteString(text)
			}
			at++
		}
	}
	return []byte(out.String() + strings.Join(lines[at:], ""))
}

func TestDiff(t *testing.T) {
	for _, tt := range []struct {
		name string
		file adapt.File
		want string
	}{
		{"nothing", adapt.File{Name: "f", Old: []byte("a\n")}, ""},
		{"new file", adapt.File{Name: "f", Edits: []adapt.Edit{{Text: "a\nb\n"}}}, "--- /dev/null\n+++ b/f\n@@ -0,0 +1,2 @@\n+a\n+b\n"},
		{
			"within a line, and behind the last",
			adapt.File{
				Name: "f", Old: []byte("a\nb\nc"),
				Edits: []adapt.Edit{{Start: 2, End: 3, Text: "B"}, {Start: 5, End: 5, Text: "\nd"}},
			},
			"--- a/f\n+++ b/f\n@@ -1,3 +1,4 @@\n a\n-b\n+B\n-c\n\\ No newline at end of file\n+c\n+d\n\\ No newline at end of file\n",
		},
		{
			"far apart",
			adapt.File{
				Name: "f", Old: []byte("1\n2\n3\n4\n5\n6\n7\n8\n9\n"),
				Edits: []adapt.Edit{{Start: 0, End: 0, Text: "0\n"}, {Start: 16, End: 17}},
			},
			"--- a/f\n+++ b/f\n@@ -1,3 +1,4 @@\n+0\n 1\n 2\n 3\n@@ -6,4 +7,4 @@\n 6\n 7\n 8\n-9\n+\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.file.Diff()
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want, +got):\n%s", diff)
			}
			if diff := cmp.Diff(string(tt.file.New()), string(patched(t, tt.file.Old, got))); got != "" && diff != "" {
				t.Errorf("patched (-want, +got):\n%s", diff)
			}
		})
	}
}
