package envoy_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"github.com/envoy-passive-health/passive-health/envoy"
)

func shipped(t *testing.T, s envoy.Sample) []byte {
	t.Helper()
	data, err := s.YAML()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func render(t *testing.T, s envoy.Sample, p envoy.Params) []byte {
	t.Helper()
	data, err := envoy.Render(s, p)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestRenderWithoutParamsIsWhatIsShipped(t *testing.T) {
	for _, s := range envoy.Samples() {
		if got := render(t, s, envoy.Params{}); !bytes.Equal(got, shipped(t, s)) {
			t.Errorf("%s: %s", s, cmp.Diff(string(shipped(t, s)), string(got)))
		}
	}
}

func TestRenderChangesItsParamsOnly(t *testing.T) {
	params := envoy.Params{
		NodeID:   "envoy-7",
		Admin:    "127.0.0.1:7001",
		Listener: "127.0.0.2:7002",
		ExtProc:  "127.0.0.3:7003",
		XDS:      "[::1]:7004",
		Cluster:  "shop",
		Timeout:  250 * time.Millisecond,
	}
	want := []string{
		"id: envoy-7,",
		"{address: 127.0.0.1, port_value: 7001}",
		"{address: 127.0.0.2, port_value: 7002}",
		"route: {cluster: shop, timeout: 0.25s}",
		"- name: shop",
		"service_name: shop",
		"{address: 127.0.0.3, port_value: 7003}",
		"{address: ::1, port_value: 7004}",
	}
	for _, s := range envoy.Samples() {
		before := strings.Split(string(shipped(t, s)), "\n")
		after := strings.Split(string(render(t, s, params)), "\n")
		if len(before) != len(after) {
			t.Fatalf("%s: %d lines became %d", s, len(before), len(after))
		}
		var changed []string
		for i := range before {
			if before[i] != after[i] {
				changed = append(changed, after[i])
			}
		}
		found := slices.EqualFunc(changed, want, strings.Contains)
		if !found {
			t.Errorf("%s: changed\n%s\nwant\n%s", s, strings.Join(changed, "\n"), strings.Join(want, "\n"))
		}
	}
}

func TestRenderRefuses(t *testing.T) {
	for _, test := range []struct {
		name   string
		sample envoy.Sample
		params envoy.Params
		want   string
	}{
		{"an unknown sample", "mine.yaml", envoy.Params{}, `no sample "mine.yaml"`},
		{"an address without a port", envoy.ErrorsOnly, envoy.Params{XDS: "localhost"}, `"localhost" is not host:port`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := envoy.Render(test.sample, test.params)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// The second sample is the first without its matcher, so that what is learnt from one holds for the other.
func TestSamplesDifferInTheMatcherOnly(t *testing.T) {
	var errorsOnly, all map[string]any
	for s, into := range map[envoy.Sample]*map[string]any{envoy.ErrorsOnly: &errorsOnly, envoy.AllResponses: &all} {
		if err := yaml.Load(shipped(t, s), into); err != nil {
			t.Fatal(err)
		}
	}
	sensor := firstFilter(t, errorsOnly)
	wrapped := sensor["typed_config"].(map[string]any)
	sensor["typed_config"] = wrapped["extension_config"].(map[string]any)["typed_config"]
	if diff := cmp.Diff(errorsOnly, all); diff != "" {
		t.Error(diff)
	}
}

// firstFilter returns the first HTTP filter of a sample.
func firstFilter(t *testing.T, sample map[string]any) map[string]any {
	t.Helper()
	var at any = sample
	for _, step := range []string{
		"static_resources", "listeners", "filter_chains", "filters", "typed_config", "http_filters",
	} {
		if list, ok := at.([]any); ok {
			at = list[0]
		}
		at = at.(map[string]any)[step]
	}
	return at.([]any)[0].(map[string]any)
}
