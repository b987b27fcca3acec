package traps

import (
	"fmt"
	"strings"
	"testing"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/config"
	"github.com/envoy-passive-health/passive-health/envoy"
)

func parse(t *testing.T, text string) *config.Config {
	t.Helper()
	c, err := config.Parse("c", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const web = "clusters: [{name: web, hosts: ['10.0.0.1:80']}]"

// TestSamplesSetNoTraps: what we ship has none.
func TestSamplesSetNoTraps(t *testing.T) {
	for _, sample := range envoy.Samples() {
		data, err := sample.YAML()
		if err != nil {
			t.Fatal(err)
		}
		found, err := Find(string(sample), data, parse(t, web))
		if err != nil || len(found) > 0 {
			t.Errorf("%s: %v %v", sample, found, err)
		}
	}
}

func TestFind(t *testing.T) {
	sample, err := envoy.ErrorsOnly.YAML()
	if err != nil {
		t.Fatal(err)
	}
	change := func(old, now string) string {
		t.Helper()
		changed := strings.Replace(string(sample), old, now, 1)
		if changed == string(sample) {
			t.Fatalf("the sample has no %q", old)
		}
		return changed
	}
	for _, tt := range []struct {
		name, envoy, config string
		severity            Severity
		want                string
	}{
		{"not EDS", change("type: EDS", "type: STATIC"), web, Error, `type is "STATIC"`},
		{
			"another service name", change("service_name: web", "service_name: shop"), web, Error,
			`Envoy asks for "shop", the service publishes "web"`,
		},
		{"RANDOM", change("lb_policy: ROUND_ROBIN", "lb_policy: RANDOM"), web, Warning, "RANDOM ignores weights"},
		{
			"panic threshold", change("{update_merge_window: 0s}", "{update_merge_window: 0s, healthy_panic_threshold: {value: 20}}"), web, Error,
			"healthy_panic_threshold is 20, the service counts on 50",
		},
		{"merge window", change("common_lb_config: {update_merge_window: 0s}", "common_lb_config: {}"), web, Warning, "update_merge_window"},
		{
			"back-off", change("retry_policy: {retry_back_off: {base_interval: 0.25s, max_interval: 1s}}", "authority: x"), web, Warning,
			"retry_back_off is not set",
		},
		{
			"none where nothing is promised", change("lb_policy: ROUND_ROBIN", "lb_policy: RANDOM"),
			web + "\npolicy: {probation_weights: []}", "", "",
		},
		{"none in another's cluster", change("type: EDS", "type: STATIC"), "clusters: [{name: api, hosts: ['10.0.0.1:80']}]", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			found, err := Find("envoy.yaml", []byte(tt.envoy), parse(t, tt.config))
			if err != nil {
				t.Fatal(err)
			}
			if tt.want == "" {
				if len(found) > 0 {
					t.Errorf("found %v", found)
				}
				return
			}
			if len(found) != 1 || found[0].Severity != tt.severity || !strings.Contains(found[0].String(), tt.want) || found[0].Line < 50 {
				t.Errorf("found %v, want one %s: %s", found, tt.severity, tt.want)
			}
		})
	}
}

func FuzzFind(f *testing.F) {
	for _, seed := range []string{
		"", "static_resources: {clusters: [{name: web}]}", "static_resources: {clusters: web}", "a: &a [*a]", "[[[",
	} {
		f.Add([]byte(seed))
	}
	c, err := config.Parse("c", []byte(web))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		found, _ := Find("f", data, c)
		for _, finding := range found {
			if finding.Line == 0 && len(data) > 0 || fmt.Sprint(finding) == "" {
				t.Errorf("%+v has no place", finding)
			}
		}
	})
}
