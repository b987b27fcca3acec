package adapt

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// The parser tells where a node starts and not where it ends: these functions find the end in the text. A wrong end
// cannot do harm, since finish reads the result again; it only makes a file one that adapt refuses.

// end returns the offset just behind a node.
func (d *document) end(n *yaml.Node) int {
	at := d.skipProperties(d.offset(n))
	switch {
	case n.Kind == yaml.ScalarNode:
		return d.scalarEnd(n, at)
	case n.Kind == yaml.AliasNode:
		return min(at+1+len(n.Value), len(d.text))
	case n.Style&yaml.FlowStyle != 0:
		return d.flowEnd(n, at)
	case len(n.Content) > 0:
		return max(at, d.end(n.Content[len(n.Content)-1]))
	default:
		return at
	}
}

// skipProperties moves past anchors and tags.
func (d *document) skipProperties(at int) int {
	for at < len(d.text) && (d.text[at] == '&' || d.text[at] == '!') {
		for at < len(d.text) && !strings.ContainsRune(" \t\r\n,]}", rune(d.text[at])) {
			at++
		}
		if next := d.skipBlank(at); next < len(d.text) && d.text[next] != ',' {
			at = next
		}
	}
	return at
}

// skipBlank moves past white space, line breaks and comments.
func (d *document) skipBlank(at int) int {
	for at < len(d.text) {
		switch d.text[at] {
		case ' ', '\t', '\r', '\n':
			at++
		case '#':
			at = d.lineEnd(at)
		default:
			return at
		}
	}
	return at
}

// flowEnd finds the bracket that closes a flow collection: the first thing behind its last value but a comma.
func (d *document) flowEnd(n *yaml.Node, at int) int {
	at = min(at+1, len(d.text))
	if len(n.Content) > 0 {
		at = d.end(n.Content[len(n.Content)-1])
	}
	at = d.skipBlank(at)
	if at < len(d.text) && d.text[at] == ',' {
		at = d.skipBlank(at + 1)
	}
	return min(at+1, len(d.text))
}

func (d *document) scalarEnd(n *yaml.Node, at int) int {
	switch {
	case n.Style&yaml.DoubleQuotedStyle != 0:
		return d.quotedEnd(at, '"')
	case n.Style&yaml.SingleQuotedStyle != 0:
		return d.quotedEnd(at, '\'')
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return d.blockScalarEnd(at)
	default:
		return d.plainEnd(n.Value, at)
	}
}

// quotedEnd finds the closing quote. In double quotes a backslash takes the next byte along; in single quotes two
// quotes are one, which reads as two strings side by side.
func (d *document) quotedEnd(at int, quote byte) int {
	for at++; at < len(d.text); at++ {
		switch {
		case d.text[at] == '\\' && quote == '"':
			at++
		case d.text[at] == quote && quote == '\'' && at+1 < len(d.text) && d.text[at+1] == quote:
			at++
		case d.text[at] == quote:
			return at + 1
		}
	}
	return len(d.text)
}

// plainEnd follows the value through the text. A plain value may span lines, which fold to spaces.
func (d *document) plainEnd(value string, at int) int {
	for _, r := range value {
		if unicode.IsSpace(r) {
			continue
		}
		for at < len(d.text) && strings.ContainsRune(" \t\r\n", rune(d.text[at])) {
			at++
		}
		at = min(at+utf8.RuneLen(r), len(d.text))
	}
	return at
}

// blockScalarEnd takes the lines that are indented like the first one that is not blank.
func (d *document) blockScalarEnd(at int) int {
	end := d.lineEnd(at)
	indent := -1
	for next := d.nextLine(end); next < len(d.text); next = d.nextLine(d.lineEnd(next)) {
		line := string(d.text[next:d.lineEnd(next)])
		blank := len(line) - len(strings.TrimLeft(line, " "))
		if strings.TrimSpace(line) == "" {
			continue
		}
		if indent < 0 {
			indent = blank
		}
		if blank < indent || indent == 0 {
			break
		}
		end = d.lineEnd(next)
	}
	return end
}

// nextLine returns where the line after the one that ends here starts.
func (d *document) nextLine(end int) int {
	if i := bytes.IndexByte(d.text[end:], '\n'); i >= 0 {
		return end + i + 1
	}
	return len(d.text)
}
