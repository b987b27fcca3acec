package adapt

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// appendItem puts a piece behind the last item of a sequence.
func (d *document) appendItem(sequence *yaml.Node, p piece) {
	d.insert(sequence, d.dashIndent(sequence), "- ", p, toJSON(p.node))
	d.changes = append(d.changes, func() { sequence.Content = append(sequence.Content, p.node) })
}

// appendEntry puts a piece, a mapping, behind the last entry of a mapping.
func (d *document) appendEntry(mapping *yaml.Node, p piece) {
	column := mapping.Column
	if len(mapping.Content) > 0 {
		column = mapping.Content[0].Column
	}
	d.insert(mapping, column-1, "", p, entriesJSON(p.node))
	d.changes = append(d.changes, func() { mapping.Content = append(mapping.Content, p.node.Content...) })
}

// insert writes a piece at the end of a collection: on lines of its own in block style, in place in flow style.
func (d *document) insert(collection *yaml.Node, indent int, dash string, p piece, flow string) {
	at := d.skipProperties(d.offset(collection)) + 1
	if len(collection.Content) > 0 {
		last := collection.Content[len(collection.Content)-1]
		at = d.end(last)
		flow = d.flowSeparator(collection) + flow
	}
	if collection.Style&yaml.FlowStyle != 0 {
		d.edits = append(d.edits, Edit{at, at, flow, indent})
		return
	}
	at = d.lineEnd(at)
	d.edits = append(d.edits, Edit{at, at, d.eol + p.block(indent, dash, d.eol), indent})
}

// flowSeparator goes on as the collection does: an item a line, or all in one.
func (d *document) flowSeparator(collection *yaml.Node) string {
	first := d.linePrefix(d.offset(collection.Content[0]))
	if strings.Trim(first, " \t") == "" {
		return "," + d.eol + first
	}
	return ", "
}

// insertItem puts pieces before an item of a sequence, and before the comment that belongs to the item.
func (d *document) insertItem(sequence, item *yaml.Node, pieces []piece) {
	d.changes = append(d.changes, func() {
		at := slices.Index(sequence.Content, item)
		for i, p := range pieces {
			sequence.Content = slices.Insert(sequence.Content, at+i, p.node)
		}
	})
	var b strings.Builder
	if sequence.Style&yaml.FlowStyle != 0 {
		for _, p := range pieces {
			b.WriteString(toJSON(p.node) + d.flowSeparator(sequence))
		}
		at := d.offset(item)
		d.edits = append(d.edits, Edit{at, at, b.String(), item.Column})
		return
	}
	indent := d.dashIndent(sequence)
	at, ownLine := d.dash(indent, item)
	for _, p := range pieces {
		b.WriteString(p.block(indent, "- ", d.eol) + d.eol)
	}
	text := b.String()
	if !ownLine { // the dash follows other dashes: what is inserted takes its place, and it moves to the next line
		text = strings.TrimPrefix(text, strings.Repeat(" ", indent)) + strings.Repeat(" ", indent)
	}
	d.edits = append(d.edits, Edit{at, at, text, indent})
}

// dashIndent returns how far the dashes of a block sequence are indented. Its node may start earlier, at an anchor.
func (d *document) dashIndent(sequence *yaml.Node) int {
	return utf8.RuneCountInString(d.linePrefix(d.skipProperties(d.offset(sequence))))
}

// dash returns where to insert before an item whose dash is so far indented: at the start of the line that has the
// dash, or of the comment above it; or at the dash, when other dashes come before it in its line.
func (d *document) dash(indent int, item *yaml.Node) (at int, ownLine bool) {
	line := item.Line
	for line > 1 && !hasDash(d.line(line), indent) {
		line--
	}
	at = d.starts[line-1] + min(indent, len(d.line(line)))
	if strings.Trim(d.linePrefix(at), " ") != "" {
		return at, false
	}
	for line > 1 && strings.HasPrefix(d.line(line-1), strings.Repeat(" ", indent)+"#") {
		line--
	}
	return d.starts[line-1], true
}

// hasDash says whether a line has a dash that is so far indented, with nothing but dashes before it.
func hasDash(line string, indent int) bool {
	return len(line) > indent && line[indent] == '-' && strings.Trim(line[:indent], " -") == ""
}

// line returns a line's text by its number, from 1.
func (d *document) line(number int) string {
	at := d.starts[number-1]
	return string(d.text[at:d.lineEnd(at)])
}

// replaceEntry puts a piece, a mapping of one entry, in the place of an entry.
func (d *document) replaceEntry(mapping, key, value *yaml.Node, p piece) {
	text := entriesJSON(p.node)
	if mapping.Style&yaml.FlowStyle == 0 {
		text = strings.TrimLeft(p.block(key.Column-1, "", d.eol), " ")
	}
	d.record(Edit{d.offset(key), d.end(value), text, key.Column}, func() {
		at := slices.Index(mapping.Content, key)
		mapping.Content[at], mapping.Content[at+1] = p.node.Content[0], p.node.Content[1]
	})
}

var plain = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_./-]*$`)

// replaceScalar gives a scalar another value and keeps quotes if it has any.
func (d *document) replaceScalar(n *yaml.Node, value string) {
	d.record(Edit{d.offset(n), d.end(n), scalar(value, n.Style != 0), n.Column}, func() { n.Value, n.Tag = value, "!!str" })
}

// scalar writes a string, in quotes if wanted or needed.
func scalar(value string, quoted bool) string {
	var n yaml.Node
	if !quoted && plain.MatchString(value) && yaml.Load([]byte(value), &n) == nil && n.Content[0].Tag == "!!str" {
		return value
	}
	return toJSON(&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value})
}
