package adapt

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// piece is a bit of configuration to insert, with its comments: an item of a sequence, or entries of a mapping.
type piece struct {
	text string // in block style, not indented
	node *yaml.Node
}

// newPiece reads a piece from its text.
func newPiece(text string) (piece, error) {
	var node yaml.Node
	if err := yaml.Load([]byte(text), &node); err != nil {
		return piece{}, fmt.Errorf("piece %q: %w", text, err)
	}
	return piece{strings.TrimRight(text, "\n"), node.Content[0]}, nil
}

// cut takes [from, to) out of a document as a piece, and the comment behind its last line.
func (d *document) cut(from, to int) (piece, error) {
	return d.dedent(from, string(d.text[from:d.lineEnd(to)]))
}

// dedent makes a piece of a text that starts at the offset.
func (d *document) dedent(from int, text string) (piece, error) {
	indent := "\n" + strings.Repeat(" ", len(d.linePrefix(from)))
	return newPiece(strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), indent, "\n"))
}

// cutEntry takes an entry out of a document as a piece.
func (d *document) cutEntry(mapping *yaml.Node, name string) (piece, error) {
	key, value := field(mapping, name)
	if key == nil {
		return piece{}, fmt.Errorf("%s: no %s", d.name, name)
	}
	if mapping.Style&yaml.FlowStyle != 0 { // the line holds more than the entry
		return newPiece(string(d.text[d.offset(key):d.end(value)]))
	}
	return d.cut(d.offset(key), d.end(value))
}

// cutItem takes an item of a sequence out of a document as a piece.
func (d *document) cutItem(item *yaml.Node) (piece, error) { return d.cut(d.offset(item), d.end(item)) }

// with returns the piece with one of its scalars changed.
func (p piece) with(value string, path ...string) (piece, error) {
	d, err := parse("piece", []byte(p.text))
	if err != nil {
		return piece{}, err
	}
	node := dig(d.root, path...)
	if node == nil {
		return piece{}, fmt.Errorf("piece %q: no %q", p.text, path)
	}
	d.replaceScalar(node, value)
	text, err := d.finish()
	if err != nil {
		return piece{}, err
	}
	return newPiece(string(text))
}

// block renders the piece at an indentation. The dash, "- " or nothing, comes before its first line.
func (p piece) block(indent int, dash, eol string) string {
	margin := strings.Repeat(" ", indent)
	lines := strings.Split(p.text, "\n")
	for i, line := range lines {
		switch {
		case i == 0:
			lines[i] = margin + dash + line
		case line != "":
			lines[i] = margin + strings.Repeat(" ", len(dash)) + line
		}
	}
	return strings.Join(lines, eol)
}

// toJSON renders a node in JSON, which is YAML's flow style too.
func toJSON(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "{" + entriesJSON(n) + "}"
	case yaml.SequenceNode:
		items := make([]string, len(n.Content))
		for i, item := range n.Content {
			items[i] = toJSON(item)
		}
		return "[" + strings.Join(items, ", ") + "]"
	default:
		if n.Tag != "!!str" {
			return n.Value
		}
		quoted, _ := json.Marshal(n.Value) //nolint:errchkjson // a string always encodes
		return string(quoted)
	}
}

// entriesJSON renders a mapping's entries without its brackets.
func entriesJSON(n *yaml.Node) string {
	var entries []string
	for pair := range slices.Chunk(n.Content, 2) {
		if len(pair) == 2 {
			entries = append(entries, toJSON(pair[0])+": "+toJSON(pair[1]))
		}
	}
	return strings.Join(entries, ", ")
}
