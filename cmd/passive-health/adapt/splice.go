package adapt

import (
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// appendItem puts a piece behind the last item of a sequence.
func (d *document) appendItem(sequence *yaml.Node, p piece) {
	d.insert(sequence, sequence.Column-1, "- ", p, toJSON(p.node))
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
	indent := sequence.Column - 1
	at, ownLine := d.dash(sequence, item)
	for _, p := range pieces {
		b.WriteString(p.block(indent, "- ", d.eol) + d.eol)
	}
	text := b.String()
	if !ownLine { // the dash follows other dashes: what is inserted takes its place, and it moves to the next line
		text = strings.TrimPrefix(text, strings.Repeat(" ", indent)) + strings.Repeat(" ", indent)
	}
	d.edits = append(d.edits, Edit{at, at, text, indent})
}

// dash returns where to insert before an item: at the start of the line that has its dash, or of the comment above
// it; or at the dash, when that does not begin its line.
func (d *document) dash(sequence, item *yaml.Node) (at int, ownLine bool) {
	line := item.Line
	for ; line > sequence.Line; line-- {
		text := d.line(line)
		if len(text) >= sequence.Column && text[sequence.Column-1] == '-' && strings.TrimSpace(text[:sequence.Column-1]) == "" {
			break
		}
	}
	at = min(d.starts[line-1]+sequence.Column-1, len(d.text))
	if strings.TrimSpace(d.linePrefix(at)) != "" {
		return at, false
	}
	comment := strings.Repeat(" ", sequence.Column-1) + "#"
	for line > 1 && strings.HasPrefix(d.line(line-1), comment) {
		line--
	}
	return d.starts[line-1], true
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
