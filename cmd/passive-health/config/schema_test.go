package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("schema.json", document); err != nil {
		t.Fatal(err)
	}
	s, err := compiler.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// instance reads YAML as JSON's kinds, which is what a schema speaks of.
func instance(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	return document
}

// mappings returns the keys of each mapping of the schema by the mapping's path, as the decoder says paths.
func mappings(s *jsonschema.Schema, path string, found map[string][]string) map[string][]string {
	if s.Ref != nil {
		s = s.Ref
	}
	if len(s.Properties) > 0 {
		found[path] = slices.Sorted(maps.Keys(s.Properties))
	}
	for key, property := range s.Properties {
		mappings(property, join(path, key), found)
	}
	for _, one := range s.AnyOf {
		mappings(one, path, found)
	}
	if s.Items2020 != nil {
		mappings(s.Items2020, path+"[]", found)
	}
	return found
}

// TestSchemaHasTheDecodersKeys asks the decoder for the keys of each mapping, which are those of the schema and no
// others.
func TestSchemaHasTheDecodersKeys(t *testing.T) {
	want := decoderKeys(t)
	want["clusters[].policy.ignore[]"] = want["policy.ignore[]"] // the sample has it once
	if diff := cmp.Diff(want, mappings(compiled(t), "", map[string][]string{})); diff != "" {
		t.Errorf("decoder (-), schema (+):\n%s", diff)
	}
}

func TestSchemaTakesWhatTheDecoderTakes(t *testing.T) {
	s := compiled(t)
	for _, text := range []string{string(sample), mixed, "{}", "debug: true", "policy:\nlisten:\nclusters:\n"} {
		if _, err := Parse("f", []byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(instance(t, text)); err != nil {
			t.Errorf("%s\n%v", text, err)
		}
	}
}

func TestSchemaRefusesWhatTheDecoderRefuses(t *testing.T) {
	s := compiled(t)
	for _, text := range []string{
		"listn: {}", "debug: maybe", "log: {format: xml}", "log: {level: loud}", "drain_timeout: soon", "listen: {xds: nowhere}",
		"policy: {window: 30}", "policy: {error_status_codes: [99]}", "policy: {error_grpc_statuses: [OK]}", "policy: {enforce: 1}",
		"policy: {probation_weights: [0]}", "policy: {ignore: [{rute: a}]}", "clusters: [{name: a}]", "clusters: [{hosts: [a:1]}]",
		"clusters: [{name: a, hosts: []}]", "clusters: [{name: a, hosts: [a]}]", "clusters: [{name: a, hosts: [{weight: 1}]}]",
		"clusters: [{name: a, hosts: [{address: a:1, weight: 129}]}]", "clusters: [{name: a, hosts: [a:1], sensors: []}]",
		"clusters: [{name: a, hosts: [a:1], fallback: some}]", "clusters: [{name: '', hosts: [a:1]}]", "webhooks: [{}]",
		"webhooks: [{url: ftp://a}]", "webhooks: [{url: http://a, events: [host.gone]}]", "admin: {hosts: ['']}", "admin: {read_only: 1}",
	} {
		if _, err := Parse("f", []byte(text)); err == nil {
			t.Errorf("the decoder takes %s", text)
		}
		if err := s.Validate(instance(t, text)); err == nil {
			t.Errorf("the schema takes %s", text)
		}
	}
}

// TestSchemaHasTheDecodersBounds tries the bounds of each whole number of the policy, and one beyond, on the decoder.
func TestSchemaHasTheDecodersBounds(t *testing.T) {
	s := compiled(t)
	tried := 0
	try := func(key string, v int64, want bool) {
		t.Helper()
		tried++
		text := fmt.Sprintf("policy: {%s: %d}", key, v)
		if key == "max_ejection_percent" {
			text = fmt.Sprintf("policy: {%s: %d, panic_threshold: 0}", key, v)
		}
		if key == "panic_threshold" {
			text = fmt.Sprintf("policy: {%s: %d, max_ejection_percent: 0}", key, v)
		}
		if _, err := Parse("f", []byte(text)); (err == nil) != want {
			t.Errorf("%s: the decoder says %v, the schema takes it: %v", text, err, want)
		}
	}
	for key, property := range s.Properties["policy"].Ref.Properties {
		if low := property.Minimum; low != nil {
			try(key, low.Num().Int64(), true)
			try(key, low.Num().Int64()-1, false)
		}
		if high := property.Maximum; high != nil {
			try(key, high.Num().Int64(), true)
			try(key, high.Num().Int64()+1, false)
		}
	}
	if tried < 30 {
		t.Errorf("%d bounds were tried", tried)
	}
}

// TestSchemaHasTheEvents holds the events that a webhook may ask for to the decoder's.
func TestSchemaHasTheEvents(t *testing.T) {
	var got []string
	for _, v := range compiled(t).Properties["webhooks"].Items2020.Properties["events"].Items2020.Enum.Values {
		got = append(got, fmt.Sprint(v))
	}
	if diff := cmp.Diff(EventNames(), got); diff != "" {
		t.Errorf("decoder (-), schema (+):\n%s", diff)
	}
}
