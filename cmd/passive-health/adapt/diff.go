package adapt

import (
	"fmt"
	"slices"
	"strings"
)

// File is a file and the edits to make in it.
type File struct {
	Name  string
	Old   []byte // nil for a new file
	Edits []Edit // in the order of the text, not overlapping
}

// New returns the file with the edits made.
func (f File) New() []byte { return []byte(apply(f.Old, f.Edits, 0, len(f.Old))) }

// around is how many unchanged lines a hunk shows on each side, as diff -u does.
const around = 3

// hunk replaces the lines [from, to) of the old text, counted from 0.
type hunk struct {
	from, to int
	lines    []string
}

// Diff returns the edits as a unified diff, "" if there are none.
func (f File) Diff() string {
	if len(f.Edits) == 0 {
		return ""
	}
	var b strings.Builder
	old := "a/" + f.Name
	if f.Old == nil {
		old = "/dev/null"
	}
	fmt.Fprintf(&b, "--- %s\n+++ b/%s\n", old, f.Name)
	lines, shift := split(string(f.Old)), 0
	for group := f.hunks(lines); len(group) > 0; {
		n := 1
		for n < len(group) && group[n].from-group[n-1].to <= 2*around {
			n++
		}
		shift += write(&b, lines, group[:n], shift)
		group = group[n:]
	}
	return b.String()
}

// hunks turns edits into changes of whole lines.
func (f File) hunks(lines []string) (hunks []hunk) {
	starts := make([]int, 1, len(lines)+1)
	for _, line := range lines {
		starts = append(starts, starts[len(starts)-1]+len(line))
	}
	lookup := starts // the end of the text is a line of its own, unless it ends a line that has no line break
	if n := len(lines); n > 0 && !strings.HasSuffix(lines[n-1], "\n") {
		lookup = starts[:n]
	}
	for i := 0; i < len(f.Edits); {
		from := lineOf(lookup, f.Edits[i].Start)
		to, j := from, i
		for j < len(f.Edits) && (j == i || lineOf(lookup, f.Edits[j].Start) < to) {
			to = max(to, min(lineOf(lookup, f.Edits[j].End)+1, len(lines)))
			j++
		}
		text := apply(f.Old, f.Edits[i:j], starts[from], starts[to])
		hunks = append(hunks, trim(hunk{from, to, split(text)}, lines))
		i = j
	}
	return hunks
}

// lineOf returns the number, from 0, of the line that holds an offset, by where the lines start.
func lineOf(starts []int, at int) int {
	line, starting := slices.BinarySearch(starts, at)
	if !starting {
		line--
	}
	return line
}

// trim leaves unchanged lines at both ends out of a hunk.
func trim(h hunk, lines []string) hunk {
	for h.from < h.to && len(h.lines) > 0 && lines[h.from] == h.lines[0] {
		h.from, h.lines = h.from+1, h.lines[1:]
	}
	for h.from < h.to && len(h.lines) > 0 && lines[h.to-1] == h.lines[len(h.lines)-1] {
		h.to, h.lines = h.to-1, h.lines[:len(h.lines)-1]
	}
	return h
}

// write prints neighbouring hunks as one, and returns by how many lines they make the text longer.
func write(b *strings.Builder, lines []string, hunks []hunk, shift int) (grown int) {
	from, to := max(hunks[0].from-around, 0), min(hunks[len(hunks)-1].to+around, len(lines))
	for _, h := range hunks {
		grown += len(h.lines) - (h.to - h.from)
	}
	fmt.Fprintf(b, "@@ -%s +%s @@\n", span(from, to-from), span(from+shift, to-from+grown))
	at := from
	for _, h := range hunks {
		mark(b, " ", lines[at:h.from])
		mark(b, "-", lines[h.from:h.to])
		mark(b, "+", h.lines)
		at = h.to
	}
	mark(b, " ", lines[at:to])
	return grown
}

// span writes a range of lines as diff does: from 1, and from the line before if it is empty.
func span(from, count int) string {
	if count > 0 {
		from++
	}
	return fmt.Sprintf("%d,%d", from, count)
}

func mark(b *strings.Builder, sign string, lines []string) {
	for _, line := range lines {
		b.WriteString(sign + line)
		if !strings.HasSuffix(line, "\n") {
			b.WriteString("\n\\ No newline at end of file\n")
		}
	}
}

// split cuts a text into its lines, line breaks included.
func split(text string) []string {
	lines := strings.SplitAfter(text, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}
