package config

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const unsecret = `
listen: {xds: "unix:/run/a b.sock"}
policy:
  window: 10s
  recovery_time: 400s
  error_status_codes: [503]
  probation_weights: []
  ignore: [{route: "a, b", statuses: [500]}, {route: c}]
log:
clusters:
- name: web
  hosts: ["[2001:db8::1]:80", {address: "10.0.0.2:80", weight: 7, zone: z}]
  policy: {error_threshold: 3, recovery_time: 500s, ignore:}
- {name: api, service_name: "", hosts: [api.internal:80], sensors: [all_responses], fallback: aggregate}
`

const mixed = unsecret + `webhooks: [{url: "https://user:pass@example.com/secret?token=x", events: [host.ejected]}]
`

// TestSettings says where values come from, and keeps what is secret.
func TestSettings(t *testing.T) {
	c, err := Parse("f", []byte(mixed))
	if err != nil {
		t.Fatal(err)
	}
	settings, err := c.Settings("f")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, s := range settings {
		if _, doubled := got[s.Key]; doubled {
			t.Errorf("%s is there twice", s.Key)
		}
		got[s.Key] = s.Value + " from " + s.Source
	}
	for key, want := range map[string]string{
		"listen.xds":                           `"unix:/run/a b.sock" from f:2`,
		"listen.admin":                         `"127.0.0.1:18403" from default`,
		"log.format":                           "text from default",
		"policy.window":                        "10s from f:4",
		"policy.error_threshold":               "5 from default",
		"policy.recovery_time_max":             "6m40s from f:5, recovery_time",
		"clusters[0].service_name":             "web from default",
		"clusters[0].policy.error_threshold":   "3 from f:13",
		"clusters[0].policy.recovery_time_max": "8m20s from f:13, recovery_time",
		"clusters[1].service_name":             "api from default",
		"clusters[1].sensors":                  "[all_responses] from f:14",
		"webhooks":                             `[{url: "https://example.com/...", events: [host.ejected]}] from f:15`,
	} {
		if got[key] != want {
			t.Errorf("%s: %s, want %s", key, got[key], want)
		}
	}
	if _, ok := got["clusters[0].policy.ignore"]; ok {
		t.Error("an empty value is shown")
	}
}

// TestSettingsSayEverything makes a file of what is shown, which must be the same configuration.
func TestSettingsSayEverything(t *testing.T) {
	for _, in := range []string{unsecret, "", string(sample)} {
		c, err := Parse("f", []byte(in))
		if err != nil {
			t.Fatal(err)
		}
		settings, err := c.Settings("f")
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse("f", []byte(written(settings)))
		if err != nil {
			t.Fatalf("%v in\n%s", err, written(settings))
		}
		again.Text, again.Hash = c.Text, c.Hash
		if diff := cmp.Diff(c, again, cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
			t.Errorf("want (-), got (+):\n%s", diff)
		}
	}
}

// written is a file of the settings: their keys are in the order of a file.
func written(settings []Setting) string {
	var text strings.Builder
	var above []string
	for _, s := range settings {
		path := strings.Split(strings.ReplaceAll(s.Key, "[", ".["), ".")
		same := 0
		for same < len(above) && same < len(path)-1 && above[same] == path[same] {
			same++
		}
		for i := same; i < len(path)-1; i++ {
			if strings.HasPrefix(path[i], "[") {
				fmt.Fprintf(&text, "%s-\n", strings.Repeat("  ", i))
				continue
			}
			fmt.Fprintf(&text, "%s%s:\n", strings.Repeat("  ", i), path[i])
		}
		above = path[:len(path)-1]
		fmt.Fprintf(&text, "%s%s: %s\n", strings.Repeat("  ", len(above)), path[len(path)-1], s.Value)
	}
	return text.String()
}
