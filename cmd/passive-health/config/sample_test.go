package config

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.yaml.in/yaml/v4"
)

// TestSampleIsTheDefault holds the annotated sample to the code: it says every key, and its values are the defaults.
func TestSampleIsTheDefault(t *testing.T) {
	c, err := Load("sample.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Text, want.Hash, want.Clusters = c.Text, c.Hash, c.Clusters
	ignoreEmpty := cmpopts.EquateEmpty()
	if diff := cmp.Diff(want, *c, ignoreEmpty, cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
		t.Errorf("sample and defaults differ (-default +sample):\n%s", diff)
	}
	if diff := cmp.Diff(want.Policy, c.Clusters[0].Policy, ignoreEmpty); diff != "" {
		t.Errorf("the sample's cluster differs from the defaults:\n%s", diff)
	}
	if got := c.Clusters[0].Sensors; !slices.Equal(got, DefaultSensors()) {
		t.Errorf("the sample's sensors are %v, the default %v", got, DefaultSensors())
	}
}

// TestSampleSaysEveryKey holds the sample to the decoder's keys.
func TestSampleSaysEveryKey(t *testing.T) {
	mappings := decoderKeys(t)
	for mapping, keys := range mappings {
		for _, key := range keys {
			if mapping == "clusters[].policy" { // the same keys as policy, where they are documented
				continue
			}
			if !regexp.MustCompile(`(?m)(^|[ {[])` + key + ":").Match(sample) {
				t.Errorf("the sample does not say %s of %q", key, mapping)
			}
		}
	}
	if len(mappings) != wantMappings {
		t.Errorf("the decoder knows keys of %d mappings of the sample, want %d", len(mappings), wantMappings)
	}
}

// decoderKeys asks the decoder for the keys of each mapping of the sample, by offering it a key it cannot know.
func decoderKeys(t *testing.T) map[string][]string {
	t.Helper()
	var file yaml.Node
	if err := yaml.Unmarshal(sample, &file); err != nil {
		t.Fatal(err)
	}
	probe := &decoder{file: "f"}
	addProbe(file.Content[0])
	c := Default()
	probe.root(file.Content[0], &c)
	keys := map[string][]string{}
	for _, fault := range probe.faults {
		if _, allowed, ok := strings.Cut(fault.Message, "is not a key here; allowed are "); ok {
			mapping := strings.TrimSuffix(strings.TrimSuffix(fault.Path, probeKey), ".")
			keys[regexp.MustCompile(`\[\d+\]`).ReplaceAllString(mapping, "[]")] = strings.Split(allowed, ", ")
		}
	}
	return keys
}

// wantMappings of the sample: the root, listen, admin, a webhook, log, overrides, load_reports, policy, an ignore rule, a
// cluster, one of its hosts and its policy.
const wantMappings = 12

// probeKey is unlike every key, so that the decoder lists what it knows.
const probeKey = "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"

func addProbe(n *yaml.Node) {
	for _, child := range n.Content {
		addProbe(child)
	}
	if n.Kind == yaml.SequenceNode && len(n.Content) == 0 { // a list of mappings, such as ignore
		n.Content = append(n.Content, &yaml.Node{Kind: yaml.MappingNode})
		addProbe(n.Content[0])
		return
	}
	if n.Kind == yaml.MappingNode {
		n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: probeKey}, &yaml.Node{Kind: yaml.ScalarNode})
	}
}
