package adapt

import (
	"fmt"
	"strings"
)

// configure works out the passive-health.yaml: a new one, or the clusters that the one there is does not list yet.
func (a *adaption) configure(in Input, picked []chosen) (File, error) {
	file := File{Name: in.ConfigName, Old: in.Config}
	if len(in.Config) == 0 {
		if len(picked) > 0 {
			file.Edits = []Edit{{Text: a.newConfig(in.EnvoyName, picked)}}
		}
		return file, nil
	}
	d, err := parse(in.ConfigName, in.Config)
	if err != nil {
		return file, err
	}
	key, clusters := field(d.root, "clusters")
	if key == nil {
		return file, &Refusal{File: d.name, Line: d.root.Line, Reason: "has no clusters: is it the service's configuration?"}
	}
	for _, c := range picked {
		if byName(clusters, c.name).Kind != 0 {
			continue
		}
		p, err := newPiece(a.clusterConfig(c))
		if err != nil {
			return file, err
		}
		d.appendItem(clusters, p)
	}
	if _, err := d.finish(); err != nil {
		return file, err
	}
	file.Edits = sorted(d.edits)
	return file, nil
}

// newConfig writes a configuration of the service.
func (a *adaption) newConfig(source string, picked []chosen) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Written by passive-health adapt: the hosts are those of %s.\n", source)
	if a.options.ObserveOnly {
		b.WriteString("policy:\n  # Everything is decided and shown, nothing is published.\n  enforce: false\n")
	}
	b.WriteString("clusters:\n")
	for _, c := range picked {
		b.WriteString(piece{text: a.clusterConfig(c)}.block(0, "- ", "\n") + "\n")
	}
	return b.String()
}

// clusterConfig writes one cluster of the configuration.
func (a *adaption) clusterConfig(c chosen) string {
	var b strings.Builder
	fmt.Fprintf(&b, "name: %s\n", scalar(c.name, false))
	if a.options.Fallback == FallbackAggregate && !a.options.ObserveOnly {
		b.WriteString("fallback: aggregate\n")
	}
	b.WriteString("hosts:")
	for _, h := range c.hosts {
		fmt.Fprintf(&b, "\n- address: %s", scalar(h.address, true))
		if h.weight != "" {
			fmt.Fprintf(&b, "\n  weight: %s", h.weight)
		}
		if h.zone != "" {
			fmt.Fprintf(&b, "\n  zone: %s", scalar(h.zone, false))
		}
	}
	return b.String()
}
