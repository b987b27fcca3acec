package config

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v4"
)

// decoder walks the nodes of a file and collects every fault with its place. It never stops at one: the operator
// mends the file in one round.
type decoder struct {
	file   string
	faults Faults
	unsaid int // faults beyond maxFaults
	hosts  int // seen so far, of all clusters
}

// maxFaults bounds what is said of one file: nobody reads more, and a generated file may have millions.
const maxFaults = 1000

// field reads the value of one key.
type field func(n *yaml.Node, path string)

func (d *decoder) faultf(n *yaml.Node, path, format string, args ...any) {
	if len(d.faults) == maxFaults {
		d.unsaid++
		return
	}
	d.faults = append(d.faults, Fault{
		File: d.file, Line: n.Line, Column: n.Column, Path: path, Value: cut(n.Value), Message: fmt.Sprintf(format, args...),
	})
}

// object reads a mapping with the given keys, each at most once, and says whether there is one. An empty value is an
// empty mapping.
func (d *decoder) object(n *yaml.Node, path string, fields map[string]field) bool {
	if isEmpty(n) {
		return true
	}
	if n.Kind != yaml.MappingNode {
		d.faultf(n, path, "%s is not a mapping of keys to values", describe(n))
		return false
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if !d.isPlain(key, path) {
			continue
		}
		at := join(path, key.Value)
		read, known := fields[key.Value]
		switch line, doubled := seen[key.Value]; {
		case key.Kind != yaml.ScalarNode:
			d.faultf(key, path, "%s is not a key", describe(key))
			continue
		case doubled:
			d.faultf(key, at, "is there twice, first in line %d", line)
		case key.Value == "<<":
			d.faultf(key, at, "merge keys are not supported: write the values out")
		case !known:
			d.faultf(key, at, "is not a key here; %s", hint(key.Value, fields))
		case d.isPlain(value, at):
			read(value, at)
		}
		seen[key.Value] = key.Line
	}
	return true
}

// isPlain says whether a node is what it seems to be, and faults it otherwise. An alias repeats what stands elsewhere,
// so that faults would have two places and a short file could mean a huge one; a tag makes a value another.
func (d *decoder) isPlain(n *yaml.Node, path string) bool {
	switch {
	case n.Kind == yaml.AliasNode:
		d.faultf(n, path, "anchors and aliases are not supported: write the value out")
	case n.Style&yaml.TaggedStyle != 0:
		d.faultf(n, path, "the tag %s is not supported; a text goes into quotes", cut(n.Tag))
	default:
		return true
	}
	return false
}

func hint(word string, fields map[string]field) string {
	known := slices.Sorted(maps.Keys(fields))
	if like := closest(word, known); like != "" {
		return fmt.Sprintf("did you mean %s?", like)
	}
	return "allowed are " + strings.Join(known, ", ")
}

// list reads a sequence, item by item, and says whether there is one. An empty value is none, as if the key were not
// there; [] is a list without items.
func (d *decoder) list(n *yaml.Node, path string, read field) bool {
	if isEmpty(n) {
		return false
	}
	if n.Kind != yaml.SequenceNode {
		d.faultf(n, path, "%s is not a list", describe(n))
		return false
	}
	for i, item := range n.Content {
		if at := fmt.Sprintf("%s[%d]", path, i); d.isPlain(item, at) {
			read(item, at)
		}
	}
	return true
}

// text returns a field that reads a string of so many bytes. One with control characters would break the lines of logs
// and tables.
func (d *decoder) text(to *string, least, most int) field {
	return func(n *yaml.Node, path string) {
		switch {
		case !d.scalar(n, path, "a text; one such as true or null goes into quotes", "!!str", "!!int", "!!float"):
		case len(n.Value) < least || len(n.Value) > most:
			d.faultf(n, path, "%s is not %d to %d bytes long but %d", describe(n), least, most, len(n.Value))
		case strings.ContainsFunc(n.Value, unicode.IsControl):
			d.faultf(n, path, "%s has control characters", describe(n))
		default:
			*to = n.Value
		}
	}
}

// word returns a field that reads one of the given words.
func word[T ~string](d *decoder, to *T, allowed ...T) field {
	return func(n *yaml.Node, path string) {
		if n.Kind != yaml.ScalarNode || !slices.Contains(allowed, T(n.Value)) {
			d.faultf(n, path, "%s is not one of %v", describe(n), allowed)
			return
		}
		*to = T(n.Value)
	}
}

// number returns a field that reads a whole number within the bounds.
func (d *decoder) number(to *int, least, most int) field {
	return func(n *yaml.Node, path string) {
		v, ok := integer(n)
		if !ok || v < least || v > most {
			d.faultf(n, path, "%s is not a whole number from %d to %d", describe(n), least, most)
			return
		}
		*to = v
	}
}

// whole returns a field that reads a whole number of any size.
func (d *decoder) whole(to *int) field {
	return func(n *yaml.Node, path string) {
		v, ok := integer(n)
		if !ok {
			d.faultf(n, path, "%s is not a whole number", describe(n))
			return
		}
		*to = v
	}
}

// integer reads a number as it is usually written. To YAML, 010 may be eight or ten, and "5" is a text.
func integer(n *yaml.Node) (v int, ok bool) {
	v, err := strconv.Atoi(n.Value)
	return v, err == nil && n.Kind == yaml.ScalarNode && n.Tag == "!!int" && strconv.Itoa(v) == n.Value
}

// truth returns a field that reads true or false.
func (d *decoder) truth(to *bool) field {
	return func(n *yaml.Node, path string) {
		if d.scalar(n, path, "true or false", "!!bool") {
			*to = strings.EqualFold(n.Value, "true")
		}
	}
}

// duration returns a field that reads a duration, with its unit.
func (d *decoder) duration(to *time.Duration) field {
	return d.durationIn(to, math.MinInt64, math.MaxInt64)
}

// durationIn returns a field that reads a duration, with its unit, within the bounds.
func (d *decoder) durationIn(to *time.Duration, least, most time.Duration) field {
	return func(n *yaml.Node, path string) {
		v, err := time.ParseDuration(n.Value)
		switch {
		case n.Kind != yaml.ScalarNode || err != nil:
			d.faultf(n, path, "%s is not a duration such as 30s, 500ms or 5m", describe(n))
		case v < least || v > most:
			d.faultf(n, path, "%v is not %v to %v", v, least, most)
		default:
			*to = v
		}
	}
}

// scalar says whether n is a value with one of the tags, and faults it otherwise.
func (d *decoder) scalar(n *yaml.Node, path, allowed string, tags ...string) bool {
	if n.Kind == yaml.ScalarNode && slices.Contains(tags, n.Tag) {
		return true
	}
	d.faultf(n, path, "%s is not %s", describe(n), allowed)
	return false
}

// isEmpty says whether nothing is written, or null.
func isEmpty(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// describe says what stands at a node, short enough for a line.
func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.AliasNode:
		return "an alias"
	case isEmpty(n):
		return "nothing"
	case n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		return "the text " + strconv.Quote(cut(n.Value))
	}
	return strconv.Quote(cut(n.Value))
}

// cut shortens what somebody else wrote to what fits a line.
func cut(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}

// join returns the path of a key. One that is no plain word is quoted, so that a fault stays one line.
func join(path, key string) string {
	if quoted := strconv.Quote(cut(key)); strings.ContainsAny(key, " .:[]") || quoted != `"`+key+`"` {
		key = quoted
	}
	if path == "" {
		return key
	}
	return path + "." + key
}
