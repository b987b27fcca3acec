// Package config reads the service's configuration: a strict YAML file, every fault of which is found in one run and
// said with its line, column, path, value and what is allowed. sample.yaml documents every key.
package config

import (
	"log/slog"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/envoy-passive-health/passive-health/health"
)

// Config is a valid configuration, defaults filled in. It is not changed once it is read.
type Config struct {
	Listen       Listen
	Admin        Admin
	Webhooks     []Webhook
	Log          Log
	StateFile    string        // empty for none
	DrainTimeout time.Duration // how long a stop may take (0 to 1h)
	OverrideMax  time.Duration // how far ahead an override may end (1m to a year)
	LoadReports  time.Duration // how often each Envoy reports its load (50ms to 1m)
	Debug        bool          // serve pprof on the admin listener
	Policy       health.Policy // of clusters that say nothing else
	Clusters     []Cluster
	Text         []byte // the file's content
	Hash         string // of Text, SHA-256 in hexadecimal
}

// Listen holds the addresses of the three listeners, "host:port" or "unix:/path".
type Listen struct{ ExtProc, XDS, Admin string }

// Log says how to log.
type Log struct {
	Format string // text or json
	Level  slog.Level
}

// Default returns the configuration of an empty file. It has no clusters.
func Default() Config {
	return Config{
		Listen:       Listen{ExtProc: "127.0.0.1:18401", XDS: "127.0.0.1:18402", Admin: "127.0.0.1:18403"},
		Admin:        Admin{AllowReads: true},
		Log:          Log{Format: "text", Level: slog.LevelInfo},
		DrainTimeout: 10 * time.Second,
		OverrideMax:  24 * time.Hour,
		LoadReports:  time.Second,
		Policy:       health.DefaultPolicy(),
	}
}

const maxPath = 4095 // PATH_MAX of Linux, less its final zero

func (d *decoder) root(n *yaml.Node, c *Config) {
	var clusters *yaml.Node
	d.object(n, "", map[string]field{
		"listen":   func(n *yaml.Node, path string) { d.listen(n, path, &c.Listen) },
		"admin":    func(n *yaml.Node, path string) { d.admin(n, path, &c.Admin) },
		"webhooks": d.webhooks(&c.Webhooks),
		"log": func(n *yaml.Node, path string) {
			d.object(n, path, map[string]field{
				"format": word(d, &c.Log.Format, "text", "json"),
				"level":  d.level(&c.Log.Level),
			})
		},
		"state_file":    d.text(&c.StateFile, 0, maxPath),
		"drain_timeout": d.durationIn(&c.DrainTimeout, 0, time.Hour),
		"overrides": func(n *yaml.Node, path string) {
			d.object(n, path, map[string]field{"max": d.durationIn(&c.OverrideMax, time.Minute, 365*24*time.Hour)})
		},
		"load_reports": func(n *yaml.Node, path string) {
			d.object(n, path, map[string]field{"interval": d.durationIn(&c.LoadReports, 50*time.Millisecond, time.Minute)})
		},
		"debug":    d.truth(&c.Debug),
		"policy":   func(n *yaml.Node, path string) { d.policy(n, path, &c.Policy) },
		"clusters": func(n *yaml.Node, _ string) { clusters = n },
	})
	d.checkAdmin(n, c)
	if clusters != nil { // last: they start from the policy, wherever in the file it stands
		d.clusters(clusters, c)
	}
}

func (d *decoder) level(to *slog.Level) field {
	return func(n *yaml.Node, path string) {
		var name string
		word(d, &name, "debug", "info", "warn", "error")(n, path)
		if name != "" {
			_ = to.UnmarshalText([]byte(name)) // it knows these four
		}
	}
}
