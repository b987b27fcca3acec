package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// decoder walks the nodes of a file and collects every fault with its place. It never stops at one: the operator
// mends the file in one round.
type decoder struct {
	file   string
	faults Faults
}

// field reads the value of one key.
type field func(n *yaml.Node, path string)

func (d *decoder) faultf(n *yaml.Node, path, format string, args ...any) {
	d.faults = append(d.faults, Fault{
		File: d.file, Line: n.Line, Column: n.Column, Path: path, Message: fmt.Sprintf(format, args...),
	})
}

// object reads a mapping with the given keys, each at most once. An empty value is an empty mapping.
func (d *decoder) object(n *yaml.Node, path string, fields map[string]field) {
	if n.Tag == "!!null" {
		return
	}
	if n.Kind != yaml.MappingNode {
		d.faultf(n, path, "%s is not a mapping of keys to values", describe(n))
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		at := join(path, key.Value)
		read, known := fields[key.Value]
		switch line, doubled := seen[key.Value]; {
		case doubled:
			d.faultf(key, at, "is there twice, first in line %d", line)
		case key.Value == "<<" || value.Kind == yaml.AliasNode:
			d.faultf(key, at, "anchors, aliases and merge keys are not supported: write the values out")
		case !known:
			d.faultf(key, at, "is not a key here; %s", hint(key.Value, fields))
		default:
			read(value, at)
		}
		seen[key.Value] = key.Line
	}
}

func hint(word string, fields map[string]field) string {
	known := slices.Sorted(maps.Keys(fields))
	if like := closest(word, known); like != "" {
		return fmt.Sprintf("did you mean %s?", like)
	}
	return "allowed are " + strings.Join(known, ", ")
}

// list reads a sequence, item by item.
func (d *decoder) list(n *yaml.Node, path string, read field) {
	if n.Tag == "!!null" {
		return
	}
	if n.Kind != yaml.SequenceNode {
		d.faultf(n, path, "%s is not a list", describe(n))
		return
	}
	for i, item := range n.Content {
		at := fmt.Sprintf("%s[%d]", path, i)
		if item.Kind == yaml.AliasNode {
			d.faultf(item, at, "anchors and aliases are not supported: write the value out")
			continue
		}
		read(item, at)
	}
}

// text returns a field that reads a string.
func (d *decoder) text(to *string) field {
	return func(n *yaml.Node, path string) {
		if d.scalar(n, path, "a text", "!!str", "!!int", "!!float") {
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
		v, err := strconv.Atoi(n.Value)
		if n.Kind != yaml.ScalarNode || n.Tag != "!!int" || err != nil || v < least || v > most {
			d.faultf(n, path, "%s is not a whole number from %d to %d", describe(n), least, most)
			return
		}
		*to = v
	}
}

// whole returns a field that reads a whole number of any size.
func (d *decoder) whole(to *int) field {
	return func(n *yaml.Node, path string) {
		v, err := strconv.Atoi(n.Value)
		if n.Kind != yaml.ScalarNode || err != nil {
			d.faultf(n, path, "%s is not a whole number", describe(n))
			return
		}
		*to = v
	}
}

// truth returns a field that reads true or false.
func (d *decoder) truth(to *bool) field {
	return func(n *yaml.Node, path string) {
		if d.scalar(n, path, "true or false", "!!bool") {
			*to = strings.EqualFold(n.Value, "true")
		}
	}
}

// duration returns a field that reads a duration, with its unit, of at least the given length.
func (d *decoder) duration(to *time.Duration, least time.Duration) field {
	return func(n *yaml.Node, path string) {
		v, err := time.ParseDuration(n.Value)
		switch {
		case n.Kind != yaml.ScalarNode || err != nil:
			d.faultf(n, path, "%s is not a duration such as 30s, 500ms or 5m", describe(n))
		case v < least:
			d.faultf(n, path, "%v is not at least %v", v, least)
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

// describe says what stands at a node, short enough for a line.
func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Tag == "!!null":
		return "nothing"
	}
	const most = 60
	if len(n.Value) > most {
		return strconv.Quote(n.Value[:most]) + "..."
	}
	return strconv.Quote(n.Value)
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
