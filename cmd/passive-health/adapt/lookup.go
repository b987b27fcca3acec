package adapt

import (
	"iter"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// field returns a mapping's entry by its proto field name, which JSON may also spell in camel case; nil, nil if there
// is none. A value that is an alias is returned as the alias.
func field(n *yaml.Node, name string) (key, value *yaml.Node) {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil, nil
	}
	camel := camelCase(name)
	for pair := range slices.Chunk(n.Content, 2) {
		if len(pair) == 2 && (pair[0].Value == name || pair[0].Value == camel) {
			return pair[0], pair[1]
		}
	}
	return nil, nil
}

func camelCase(name string) string {
	words := strings.Split(name, "_")
	for i, word := range words[1:] {
		if word != "" {
			words[i+1] = strings.ToUpper(word[:1]) + word[1:]
		}
	}
	return strings.Join(words, "")
}

// get returns the value that a path of fields leads to, through aliases; nil if there is none.
func get(n *yaml.Node, path ...string) *yaml.Node {
	for _, name := range path {
		_, n = field(n, name)
		n = target(n)
	}
	return n
}

// dig is get for a tree of our own, where "*" steps into the first item of a sequence.
func dig(n *yaml.Node, path ...string) *yaml.Node {
	for _, name := range path {
		if name != "*" {
			n = get(n, name)
		} else if items := items(n); len(items) > 0 {
			n = items[0]
		} else {
			return nil
		}
	}
	return n
}

// target returns what an alias stands for, and any other node itself.
func target(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// text returns the scalar that a path of fields leads to, or "".
func text(n *yaml.Node, path ...string) string {
	if n = get(n, path...); n == nil || n.Kind != yaml.ScalarNode {
		return ""
	}
	return n.Value
}

// items returns the items of a sequence, none for anything else.
func items(n *yaml.Node) []*yaml.Node {
	if n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	return n.Content
}

// isNull says that a key has no value.
func isNull(n *yaml.Node) bool { return n != nil && n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// mergeKey returns the "<<" of a mapping, or nil.
func mergeKey(n *yaml.Node) *yaml.Node {
	key, _ := field(n, "<<")
	return key
}

// walk yields a node and all below it, once each: it does not follow aliases.
func walk(n *yaml.Node) iter.Seq[*yaml.Node] {
	return func(yield func(*yaml.Node) bool) { visit(n, yield) }
}

func visit(n *yaml.Node, yield func(*yaml.Node) bool) bool {
	if n == nil {
		return true
	}
	if !yield(n) {
		return false
	}
	for _, child := range n.Content {
		if !visit(child, yield) {
			return false
		}
	}
	return true
}

// names says whether a tree has a string of this value in it.
func names(n *yaml.Node, value string) bool {
	for node := range walk(n) {
		if node.Kind == yaml.ScalarNode && node.Value == value {
			return true
		}
	}
	return false
}
