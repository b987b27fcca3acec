package config

import (
	_ "embed" // the sample
	"fmt"
	"net/url"
	"strings"

	"go.yaml.in/yaml/v4"
)

// sample says every key with its default; a test holds it to the decoder.
//
//go:embed sample.yaml
var sample []byte

// Setting is one value of a configuration. A file that a key names is named, not shown; of a webhook's URL only the
// host is.
type Setting struct {
	Key    string `json:"key"`    // such as policy.window
	Value  string `json:"value"`  // as YAML
	Source string `json:"source"` // file:line, or default
}

// Settings returns every value of a configuration that was read from the file at path. Of a cluster's policy it has
// what the file says; the rest is the policy's of all.
func (c *Config) Settings(path string) ([]Setting, error) {
	file, fault := document(c.Text)
	if fault != nil {
		return nil, fmt.Errorf("settings: %w", *fault)
	}
	defaults, fault := document(sample)
	if fault != nil {
		return nil, fmt.Errorf("settings: %w", *fault)
	}
	l := &lister{file: path}
	l.walk(defaults, file, "")
	l.implied(file, "policy", c.Policy.RecoveryTimeMax.String())
	clusters := valueOf(file, "clusters")
	if clusters == file || clusters.Kind != yaml.SequenceNode {
		return l.settings, nil
	}
	first := valueOf(defaults, "clusters").Content[0]
	for i, cluster := range clusters.Content {
		l.cluster(first, cluster, fmt.Sprintf("clusters[%d]", i), &c.Clusters[i])
	}
	return l.settings, nil
}

// lister collects settings from a file laid over the defaults.
type lister struct {
	file     string
	settings []Setting
}

func (l *lister) add(key string, n *yaml.Node) {
	l.settings = append(l.settings, Setting{key, flow(n), fmt.Sprintf("%s:%d", l.file, n.Line)})
}

func (l *lister) addDefault(key, value string) {
	l.settings = append(l.settings, Setting{key, value, "default"})
}

// walk goes through the keys of the defaults, which are all there are, in their order.
func (l *lister) walk(defaults, file *yaml.Node, path string) {
	for i := 0; i+1 < len(defaults.Content); i += 2 {
		key, value := defaults.Content[i].Value, defaults.Content[i+1]
		own := valueOf(file, key)
		isThere := own != file && !isEmpty(own)
		switch {
		case path == "" && key == "clusters": // each is laid over them by itself
		case value.Kind == yaml.MappingNode && isThere:
			l.walk(value, own, join(path, key))
		case value.Kind == yaml.MappingNode:
			l.walk(value, &yaml.Node{Kind: yaml.MappingNode}, join(path, key))
		case isThere:
			l.add(join(path, key), own)
		default:
			l.addDefault(join(path, key), flow(value))
		}
	}
}

func (l *lister) cluster(defaults, cluster *yaml.Node, path string, c *Cluster) {
	for i := 0; i+1 < len(defaults.Content); i += 2 {
		key, value := defaults.Content[i].Value, defaults.Content[i+1]
		own := valueOf(cluster, key)
		isThere := own != cluster && !isEmpty(own)
		switch {
		case key == "policy":
			if isThere {
				l.policy(own, join(path, key))
			}
			l.implied(cluster, join(path, key), c.Policy.RecoveryTimeMax.String())
		case isThere && own.Value+flow(own) != `""`: // an empty service_name is none
			l.add(join(path, key), own)
		case key == "service_name":
			l.addDefault(join(path, key), c.ServiceName)
		default:
			l.addDefault(join(path, key), flow(value))
		}
	}
}

// policy lists what a cluster's own policy says.
func (l *lister) policy(n *yaml.Node, path string) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if !isEmpty(n.Content[i+1]) {
			l.add(join(path, n.Content[i].Value), n.Content[i+1])
		}
	}
}

// implied corrects the one value that another one sets: recovery_time_max is never below a recovery_time that is
// configured alone.
func (l *lister) implied(n *yaml.Node, path, value string) {
	policy := valueOf(n, "policy")
	time := valueOf(policy, "recovery_time")
	if policy == n || time == policy || isEmpty(time) || valueOf(policy, "recovery_time_max") != policy {
		return
	}
	implied := Setting{path + ".recovery_time_max", value, fmt.Sprintf("%s:%d, recovery_time", l.file, time.Line)}
	for i := range l.settings {
		if l.settings[i].Key == implied.Key {
			l.settings[i] = implied
			return
		}
	}
	l.settings = append(l.settings, implied)
}

// flow says a value in one line of YAML.
func flow(n *yaml.Node) string {
	var parts []string
	switch n.Kind {
	case yaml.SequenceNode:
		for _, item := range n.Content {
			parts = append(parts, flow(item))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			value := flow(n.Content[i+1])
			if n.Content[i].Value == "url" {
				value = flow(&yaml.Node{Kind: yaml.ScalarNode, Value: origin(n.Content[i+1].Value)})
			}
			parts = append(parts, n.Content[i].Value+": "+value)
		}
		return "{" + strings.Join(parts, ", ") + "}"
	default:
		return quoted(n)
	}
}

// quoted returns a value as it can stand anywhere in a line of YAML.
func quoted(n *yaml.Node) string {
	if n.Value == "" || n.Tag == "!!str" && n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 ||
		strings.ContainsAny(n.Value, ",[]{}#:\"'") {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(n.Value) + `"`
	}
	return n.Value
}

// origin leaves of a URL what is no secret.
func origin(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "..."
	}
	return u.Scheme + "://" + u.Host + "/..."
}
