// Package traps finds, in an Envoy's configuration, what would silently keep the service's verdicts from taking effect:
// this field is full of settings that Envoy accepts without a word. It reads the file as text and asks no Envoy.
package traps

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/config"
)

// Severity says whether a finding must be mended.
type Severity string

// The severities.
const (
	Error   Severity = "error"   // verdicts do not take effect
	Warning Severity = "warning" // they do, but not as well as they could
)

// Finding is one trap.
type Finding struct {
	File     string   `json:"file"`
	Line     int      `json:"line"`
	Column   int      `json:"column"`
	Severity Severity `json:"severity"`
	Cluster  string   `json:"cluster,omitempty"`
	Message  string   `json:"message"`
	Fix      string   `json:"fix"`
}

// String says the finding in one line.
func (f Finding) String() string {
	subject := ""
	if f.Cluster != "" {
		subject = fmt.Sprintf(" cluster %q:", f.Cluster)
	}
	return fmt.Sprintf("%s:%d:%d: %s:%s %s; %s", f.File, f.Line, f.Column, f.Severity, subject, f.Message, f.Fix)
}

// Find returns the traps that an Envoy's static clusters set for the configured ones, in the order of the file. Clusters
// that the file does not name come from elsewhere and are left alone.
func Find(file string, envoy []byte, c *config.Config) ([]Finding, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(envoy, &root); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	s := &search{file: file}
	clusters := at(document(&root), "static_resources", "clusters")
	if clusters == nil {
		return nil, nil
	}
	for _, n := range clusters.Content {
		if i := slices.IndexFunc(c.Clusters, func(c config.Cluster) bool { return c.Name == text(n, "name") }); i >= 0 {
			s.cluster(n, &c.Clusters[i])
		}
	}
	slices.SortStableFunc(s.found, func(a, b Finding) int { return cmp.Or(a.Line-b.Line, a.Column-b.Column) })
	return s.found, nil
}

// search collects findings of one file.
type search struct {
	file  string
	found []Finding
}

func (s *search) add(n *yaml.Node, severity Severity, cluster, message, fix string) {
	s.found = append(s.found, Finding{s.file, n.Line, n.Column, severity, cluster, message, fix})
}

// cluster looks at one cluster of the Envoy that the service manages.
func (s *search) cluster(n *yaml.Node, c *config.Cluster) {
	if kind := text(n, "type"); kind != "EDS" && at(n, "cluster_type") == nil {
		s.add(value(n, "type"), Error, c.Name, fmt.Sprintf("type is %q, so Envoy never asks for verdicts", kind),
			"make it type: EDS with an eds_cluster_config, as in envoy.yaml; passive-health adapt does it")
		return
	}
	s.serviceName(n, c)
	s.balancing(n, c)
	s.panicThreshold(n, c)
	s.timing(n, c)
}

func (s *search) serviceName(n *yaml.Node, c *config.Cluster) {
	eds := at(n, "eds_cluster_config")
	if name := cmp.Or(text(eds, "service_name"), c.Name); eds != nil && name != c.ServiceName {
		s.add(value(eds, "service_name"), Error, c.Name, fmt.Sprintf("Envoy asks for %q, the service publishes %q", name, c.ServiceName),
			"set service_name of the cluster in the service's configuration to "+strconv.Quote(name))
	}
}

// balancing: RANDOM ignores weights, and with them the gentle return.
func (s *search) balancing(n *yaml.Node, c *config.Cluster) {
	if text(n, "lb_policy") == "RANDOM" && len(c.Policy.ProbationWeights) > 0 {
		s.add(value(n, "lb_policy"), Warning, c.Name, "RANDOM ignores weights: a returning host gets its whole share at once",
			"take ROUND_ROBIN or LEAST_REQUEST, or set probation_weights: [] so that nothing is promised")
	}
}

// panicThreshold: below it Envoy sends traffic to every host, marked or not.
func (s *search) panicThreshold(n *yaml.Node, c *config.Cluster) {
	threshold := at(n, "common_lb_config", "healthy_panic_threshold", "value")
	percent := 50.0 // Envoy's default
	if threshold != nil {
		if v, err := strconv.ParseFloat(threshold.Value, 64); err == nil {
			percent = v
		}
	}
	if int(percent) != c.Policy.PanicThreshold {
		s.add(cmp.Or(threshold, n), Error, c.Name,
			fmt.Sprintf("healthy_panic_threshold is %v, the service counts on %d", percent, c.Policy.PanicThreshold),
			fmt.Sprintf("set panic_threshold: %d in the cluster's policy", int(percent)))
	}
}

// timing: what makes a verdict late.
func (s *search) timing(n *yaml.Node, c *config.Cluster) {
	if at(n, "common_lb_config", "update_merge_window") == nil {
		s.add(n, Warning, c.Name, "update_merge_window is not set: Envoy up to 1.39 holds a second mark back for a second",
			"set common_lb_config: {update_merge_window: 0s}")
	}
	services := at(n, "eds_cluster_config", "eds_config", "api_config_source", "grpc_services")
	if services == nil || len(services.Content) == 0 {
		return
	}
	if at(services.Content[0], "envoy_grpc", "retry_policy", "retry_back_off") == nil {
		s.add(services.Content[0], Warning, c.Name,
			"retry_back_off is not set: after an outage of the service Envoy comes back up to half a minute late",
			"set retry_policy: {retry_back_off: {base_interval: 0.25s, max_interval: 1s}}")
	}
}

func document(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.DocumentNode && len(n.Content) > 0 {
		return n.Content[0]
	}
	return n
}

// at returns the node at a path of mapping keys, nil if it is not there.
func at(n *yaml.Node, path ...string) *yaml.Node {
	for _, key := range path {
		found := (*yaml.Node)(nil)
		for i := 0; n != nil && n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == key {
				found = n.Content[i+1]
			}
		}
		n = found
	}
	return n
}

// text returns the scalar of a key, "" if it is not there.
func text(n *yaml.Node, key string) string {
	if found := at(n, key); found != nil {
		return strings.TrimSpace(found.Value)
	}
	return ""
}

// value returns the node of a key, or the mapping where it is not there.
func value(n *yaml.Node, key string) *yaml.Node { return cmp.Or(at(n, key), n) }
