package adapt

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// Edit replaces the bytes [Start, End) of the original by Text.
type Edit struct {
	Start, End int
	Text       string
	depth      int // columns in from the left; of insertions at one place the deepest comes first
}

// document is one YAML or JSON text with its tree, and what is to change in it. Each change is kept twice: as an edit
// of the text, and as a change of the tree, so that [document.finish] can prove that the first did the second.
type document struct {
	name    string
	text    []byte
	starts  []int // offset of each line
	eol     string
	root    *yaml.Node // the top mapping
	edits   []Edit
	changes []func()
}

// parse reads a text that holds one document, a mapping.
func parse(name string, text []byte) (*document, error) {
	d := &document{name: name, text: text, eol: "\n"}
	if err := d.index(); err != nil {
		return nil, err
	}
	loader := yaml.NewDecoder(bytes.NewReader(text))
	var node, second yaml.Node
	if err := loader.Decode(&node); errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: is empty", name)
	} else if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := loader.Decode(&second); err == nil {
		return nil, &Refusal{File: name, Line: second.Line, Reason: "holds several documents, of which Envoy reads the first: split the file"}
	} else if !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(node.Content) != 1 || node.Content[0].Kind != yaml.MappingNode {
		return nil, &Refusal{File: name, Line: max(node.Line, 1), Reason: "is no mapping at its top"}
	}
	d.root = node.Content[0]
	return d, nil
}

// index notes where lines start. It refuses what would make lines and columns ambiguous.
func (d *document) index() error {
	if !utf8.Valid(d.text) {
		return &Refusal{File: d.name, Line: 1, Reason: "is not UTF-8"}
	}
	d.starts = []int{len(d.text) - len(bytes.TrimPrefix(d.text, []byte("\ufeff")))}
	for i, b := range d.text {
		if b == '\n' {
			d.starts = append(d.starts, i+1)
		}
	}
	crlf := bytes.Count(d.text, []byte("\r\n"))
	if bytes.Count(d.text, []byte("\r")) != crlf || bytes.ContainsAny(d.text, "\u0085\u2028\u2029") {
		return &Refusal{File: d.name, Line: 1, Reason: "has line breaks that are neither LF nor CRLF"}
	}
	if crlf > 0 {
		d.eol = "\r\n"
	}
	return nil
}

// offset returns where a node starts, its anchor and tag included.
func (d *document) offset(n *yaml.Node) int {
	if n.Line < 1 || n.Line > len(d.starts) {
		return len(d.text)
	}
	at := d.starts[n.Line-1]
	for range n.Column - 1 { // columns count characters, not bytes
		_, width := utf8.DecodeRune(d.text[at:])
		at += width
	}
	return at
}

// lineEnd returns where the line that holds the offset ends, before its line break.
func (d *document) lineEnd(at int) int {
	next := bytes.IndexByte(d.text[at:], '\n')
	if next < 0 {
		return len(d.text)
	}
	return at + len(bytes.TrimSuffix(d.text[at:at+next], []byte("\r")))
}

// linePrefix returns what stands before the offset in its line.
func (d *document) linePrefix(at int) string {
	line, found := slices.BinarySearch(d.starts, at)
	if !found {
		line--
	}
	return string(d.text[d.starts[max(line, 0)]:at])
}

// record keeps an edit and the change of the tree that it stands for.
func (d *document) record(e Edit, change func()) {
	d.edits = append(d.edits, e)
	d.changes = append(d.changes, change)
}

// sorted returns the edits in the order of the text.
func sorted(edits []Edit) []Edit {
	edits = slices.Clone(edits)
	slices.SortStableFunc(edits, func(a, b Edit) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End), cmp.Compare(b.depth, a.depth))
	})
	return edits
}

// apply returns the part [from, to) of the text with the edits in it made.
func apply(text []byte, edits []Edit, from, to int) string {
	var b strings.Builder
	for _, e := range sorted(edits) {
		if e.Start < from || e.End > to {
			continue
		}
		b.Write(text[from:e.Start])
		b.WriteString(e.Text)
		from = e.End
	}
	b.Write(text[from:to])
	return b.String()
}

// finish returns the edited text. It fails unless the text, read again, is the original tree with the changes made:
// then nothing else has moved, whatever the layout of the original.
func (d *document) finish() ([]byte, error) {
	text := []byte(apply(d.text, d.edits, 0, len(d.text)))
	for _, change := range d.changes {
		change()
	}
	again, err := parse(d.name, text)
	if err != nil || !same(d.root, again.root) {
		return nil, &Refusal{File: d.name, Line: 1, Reason: "is laid out in a way that adapt cannot edit safely"}
	}
	return text, nil
}

// same says whether two trees mean the same; layout and comments aside.
func same(a, b *yaml.Node) bool {
	if a.Kind != b.Kind || a.Tag != b.Tag || a.Value != b.Value || a.Anchor != b.Anchor {
		return false
	}
	return slices.EqualFunc(a.Content, b.Content, same)
}
