package config

import (
	"fmt"
	"net/netip"
	"os"
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
	want.Hash, want.Clusters = c.Hash, c.Clusters
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

// TestSampleSaysEveryKey asks the decoder for its keys, by offering each mapping of the sample a key it cannot know.
func TestSampleSaysEveryKey(t *testing.T) {
	data, err := os.ReadFile("sample.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file yaml.Node
	if err := yaml.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	probe := &decoder{file: "f"}
	addProbe(file.Content[0])
	c := Default()
	probe.root(file.Content[0], &c)
	for _, fault := range probe.faults {
		_, allowed, ok := strings.Cut(fault.Message, "allowed are ")
		if !ok {
			continue
		}
		mapping := strings.TrimSuffix(strings.TrimSuffix(fault.Path, probeKey), ".")
		for key := range strings.SplitSeq(allowed, ", ") {
			if mapping == "clusters[0].policy" { // the same keys as policy, where they are documented
				continue
			}
			if !regexp.MustCompile(`(?m)(^|[ {[])` + key + ":").Match(data) {
				t.Errorf("the sample does not say %s of %q", key, mapping)
			}
		}
	}
	if mappings := strings.Count(fmt.Sprint(probe.faults), probeKey+": is not a key here"); mappings != wantMappings {
		t.Errorf("the decoder knows keys of %d mappings of the sample, want %d", mappings, wantMappings)
	}
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
