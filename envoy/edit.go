package envoy

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// edit gives the scalar at place a new value. A place is a path of mapping keys; in a sequence a step is "*" for its
// only item, or "key=value" for the only item that has it.
type edit struct{ place, value string }

var errPlace = errors.New("is not there exactly once")

// apply makes the edits in the text itself, where root says each scalar stands, so that comments and layout stay.
func apply(source []byte, root *yaml.Node, edits []edit) ([]byte, error) {
	type change struct {
		offset   int
		old, new string
	}
	var changes []change
	for _, e := range edits {
		node, err := find(root, e.place)
		if err != nil {
			return nil, err
		}
		offset := offsetOf(source, node)
		if !bytes.HasPrefix(source[offset:], []byte(node.Value)) {
			return nil, fmt.Errorf("%s: line %d: %q is not a plain scalar", e.place, node.Line, node.Value)
		}
		changes = append(changes, change{offset, node.Value, e.value})
	}
	// Last first, so that the offsets of the rest stay true.
	slices.SortFunc(changes, func(a, b change) int { return cmp.Compare(b.offset, a.offset) })
	for _, c := range changes {
		source = slices.Replace(source, c.offset, c.offset+len(c.old), []byte(c.new)...)
	}
	return source, nil
}

// offsetOf turns a node's line and column into an offset. Columns count bytes: the samples are ASCII.
func offsetOf(source []byte, node *yaml.Node) int {
	offset := 0
	for range node.Line - 1 {
		offset += bytes.IndexByte(source[offset:], '\n') + 1
	}
	return offset + node.Column - 1
}

// find returns the scalar at a place.
func find(root *yaml.Node, place string) (*yaml.Node, error) {
	node := root.Content[0]
	for step := range strings.SplitSeq(place, "/") {
		found := children(node, step)
		if len(found) != 1 {
			return nil, fmt.Errorf("%s: %q %w", place, step, errPlace)
		}
		node = found[0]
	}
	if node.Kind != yaml.ScalarNode {
		return nil, fmt.Errorf("%s: no scalar", place)
	}
	return node, nil
}

// children returns what a step leads to.
func children(node *yaml.Node, step string) []*yaml.Node {
	switch node.Kind {
	case yaml.MappingNode:
		return values(node, step)
	case yaml.SequenceNode:
		if step == "*" {
			return node.Content
		}
		return items(node, step)
	default:
		return nil
	}
}

// values returns the values that a mapping has for a key.
func values(mapping *yaml.Node, key string) (found []*yaml.Node) {
	for pair := range slices.Chunk(mapping.Content, 2) {
		if pair[0].Value == key {
			found = append(found, pair[1])
		}
	}
	return found
}

// items returns the items of a sequence that have the value for the key that "key=value" says.
func items(sequence *yaml.Node, selector string) (found []*yaml.Node) {
	key, value, _ := strings.Cut(selector, "=")
	for _, item := range sequence.Content {
		has := slices.ContainsFunc(values(item, key), func(v *yaml.Node) bool { return v.Value == value })
		if has {
			found = append(found, item)
		}
	}
	return found
}
