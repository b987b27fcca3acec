// Package config reads the service's configuration: a strict YAML file, every fault of which is found in one run and
// said with its line, column, path, value and what is allowed. sample.yaml documents every key.
package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/envoy-passive-health/passive-health/health"
)

// Config is a valid configuration, defaults filled in. It is not changed once it is read.
type Config struct {
	Listen       Listen
	Log          Log
	StateFile    string        // empty for none
	DrainTimeout time.Duration // how long a stop may take
	OverrideMax  time.Duration // how far ahead an override may end
	LoadReports  time.Duration // how often each Envoy reports its load
	Debug        bool          // serve pprof on the admin listener
	Policy       health.Policy // of clusters that say nothing else
	Clusters     []Cluster
	Hash         string // of the file's content, SHA-256 in hexadecimal
}

// Listen holds the addresses of the three listeners, "host:port" or "unix:/path".
type Listen struct{ ExtProc, XDS, Admin string }

// Log says how to log.
type Log struct {
	Format string // text or json
	Level  slog.Level
}

// maxFile bounds a configuration file: a hundred thousand hosts take some 4 MiB.
const maxFile = 64 << 20

// Default returns the configuration of an empty file. It has no clusters.
func Default() Config {
	return Config{
		Listen:       Listen{ExtProc: "127.0.0.1:18401", XDS: "127.0.0.1:18402", Admin: "127.0.0.1:18403"},
		Log:          Log{Format: "text", Level: slog.LevelInfo},
		DrainTimeout: 10 * time.Second,
		OverrideMax:  24 * time.Hour,
		LoadReports:  time.Second,
		Policy:       health.DefaultPolicy(),
	}
}

// Load reads the file at path. A file that is there and wrong gives Faults.
func Load(path string) (*Config, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return Parse(path, data)
}

// Parse reads a configuration; name stands for the file in faults. The error is Faults.
func Parse(name string, data []byte) (*Config, error) {
	if len(data) > maxFile {
		return nil, Faults{{File: name, Message: fmt.Sprintf("is larger than %d MiB", maxFile>>20)}}
	}
	root, err := document(data)
	if err != nil {
		return nil, Faults{{File: name, Line: line(err), Column: 1, Message: err.Error()}}
	}
	d := &decoder{file: name}
	c := Default()
	sum := sha256.Sum256(data)
	c.Hash = hex.EncodeToString(sum[:])
	d.root(root, &c)
	if len(d.faults) > 0 {
		d.faults.sort()
		return nil, d.faults
	}
	return &c, nil
}

var errDocuments = errors.New("there is a second document; a configuration is one")

// document returns the file's one document. Nothing but comments is an empty mapping.
func document(data []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var first, second yaml.Node
	err := decoder.Decode(&first)
	if errors.Is(err, io.EOF) || err == nil && len(first.Content) == 0 {
		return &yaml.Node{Kind: yaml.MappingNode, Line: 1, Column: 1}, nil
	}
	if err != nil {
		return nil, err
	}
	if err := decoder.Decode(&second); err == nil {
		return nil, errDocuments
	} else if !errors.Is(err, io.EOF) {
		return nil, err
	}
	return first.Content[0], nil
}

// line returns the line that a YAML error is about, 1 if it does not say.
func line(err error) int {
	at := 1
	if _, rest, ok := strings.Cut(err.Error(), "line "); ok {
		_, _ = fmt.Sscanf(rest, "%d", &at) // without a number, the first line stands
	}
	return at
}

func (d *decoder) root(n *yaml.Node, c *Config) {
	var clusters *yaml.Node
	d.object(n, "", map[string]field{
		"listen": func(n *yaml.Node, path string) { d.listen(n, path, &c.Listen) },
		"log": func(n *yaml.Node, path string) {
			d.object(n, path, map[string]field{
				"format": word(d, &c.Log.Format, "text", "json"),
				"level":  d.level(&c.Log.Level),
			})
		},
		"state_file":    d.text(&c.StateFile),
		"drain_timeout": d.duration(&c.DrainTimeout, 0),
		"overrides": func(n *yaml.Node, path string) {
			d.object(n, path, map[string]field{"max": d.duration(&c.OverrideMax, time.Minute)})
		},
		"load_reports": func(n *yaml.Node, path string) {
			d.object(n, path, map[string]field{"interval": d.duration(&c.LoadReports, 50*time.Millisecond)})
		},
		"debug":    d.truth(&c.Debug),
		"policy":   func(n *yaml.Node, path string) { d.policy(n, path, &c.Policy) },
		"clusters": func(n *yaml.Node, _ string) { clusters = n },
	})
	if clusters != nil { // last: they start from the policy, wherever in the file it stands
		d.clusters(clusters, c)
	}
}

func (d *decoder) listen(n *yaml.Node, path string, l *Listen) {
	d.object(n, path, map[string]field{
		"ext_proc": d.listener(&l.ExtProc), "xds": d.listener(&l.XDS), "admin": d.listener(&l.Admin),
	})
	if same(l.ExtProc, l.XDS) || same(l.ExtProc, l.Admin) || same(l.XDS, l.Admin) {
		d.faultf(n, path, "%s, %s and %s are not three different addresses", l.ExtProc, l.XDS, l.Admin)
	}
}

// same says whether two listeners would meet. With port 0 the kernel gives each a port of its own.
func same(a, b string) bool { return a == b && !strings.HasSuffix(a, ":0") }

func (d *decoder) level(to *slog.Level) field {
	return func(n *yaml.Node, path string) {
		var name string
		word(d, &name, "debug", "info", "warn", "error")(n, path)
		if name != "" {
			_ = to.UnmarshalText([]byte(name)) // it knows these four
		}
	}
}
