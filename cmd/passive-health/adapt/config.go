package adapt

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/config"
)

// configure works out the passive-health.yaml: a new one, or the clusters that the one there is does not list yet.
func (a *adaption) configure(in Input, picked []chosen) (File, error) {
	file := File{Name: in.ConfigName, Old: in.Config}
	if len(picked) == 0 {
		return file, nil
	}
	if len(in.Config) == 0 {
		file.Edits = []Edit{{Text: a.newConfig(in.EnvoyName, picked)}}
	} else if err := a.extend(&file, picked); err != nil {
		return file, err
	}
	if _, err := config.Parse(in.ConfigName, file.New()); err != nil {
		return file, err
	}
	return file, nil
}

// extend adds the clusters that a configuration does not list.
func (a *adaption) extend(file *File, picked []chosen) error {
	d, err := parse(file.Name, file.Old)
	if err != nil {
		return err
	}
	key, clusters := field(d.root, "clusters")
	if key == nil {
		p, err := newPiece(a.clustersConfig(picked))
		if err != nil {
			return err
		}
		d.appendEntry(d.root, p)
	}
	a.keptInShadow(d)
	for _, c := range picked {
		if key == nil {
			continue
		}
		if err := a.list(d, clusters, c); err != nil {
			return err
		}
	}
	if _, err := d.finish(); err != nil {
		return err
	}
	file.Edits = sorted(d.edits)
	return nil
}

// list sees to it that the configuration has the cluster. One that is there keeps what it says; only the fallback must
// be what Envoy has.
func (a *adaption) list(d *document, clusters *yaml.Node, c chosen) error {
	listed := byName(clusters, c.name)
	if listed.Kind == 0 {
		p, err := newPiece(a.clusterConfig(c))
		if err != nil {
			return err
		}
		d.appendItem(clusters, p)
		return nil
	}
	a.notes = append(a.notes, Note{d.name, listed.Line, fmt.Sprintf("cluster %q is there already: its hosts are kept", c.name)})
	key, fallback := field(listed, "fallback")
	switch want := a.options.Fallback; {
	case a.options.ObserveOnly, text(listed, "fallback") == string(want), key == nil && want == FallbackNone:
	case key == nil:
		d.appendEntry(listed, piece{"fallback: " + string(want), entry("fallback", string(want))})
	default:
		d.replaceScalar(fallback, string(want))
	}
	return nil
}

// keptInShadow reminds of an `enforce: false` from an earlier rung: verdicts stay unpublished until the user ends it.
func (a *adaption) keptInShadow(d *document) {
	if enforce := get(d.root, "policy", "enforce"); !a.options.ObserveOnly && enforce != nil && enforce.Value == "false" {
		a.notes = append(a.notes, Note{d.name, enforce.Line, "enforce: false is kept: nothing is published until you change it"})
	}
}

// newConfig writes a configuration of the service.
func (a *adaption) newConfig(source string, picked []chosen) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Written by passive-health adapt: the hosts are those of %s.\n", source)
	if !isLoopback(a.options.Address) {
		b.WriteString("listen: {ext_proc: \"0.0.0.0:18401\", xds: \"0.0.0.0:18402\"} # Envoy comes from elsewhere\n")
	}
	if a.options.ObserveOnly {
		b.WriteString("policy:\n  enforce: false # everything is decided and shown, nothing is published\n")
	}
	return b.String() + a.clustersConfig(picked) + "\n"
}

// isLoopback says whether the service listens where Envoy looks for it without being told so.
func isLoopback(address string) bool {
	ip, err := netip.ParseAddr(address)
	return address == "localhost" || err == nil && ip.IsLoopback()
}

// clustersConfig writes the clusters of a configuration.
func (a *adaption) clustersConfig(picked []chosen) string {
	lines := []string{"clusters:"}
	for _, c := range picked {
		lines = append(lines, piece{text: a.clusterConfig(c)}.block(0, "- ", "\n"))
	}
	return strings.Join(lines, "\n")
}

// clusterConfig writes one cluster of the configuration.
func (a *adaption) clusterConfig(c chosen) string {
	lines := []string{"name: " + scalar(c.name, false)}
	if a.options.Fallback == FallbackAggregate && !a.options.ObserveOnly {
		lines = append(lines, "fallback: "+string(config.FallbackAggregate))
	}
	if sensors := a.sensors(); !slices.Equal(sensors, config.DefaultSensors()) {
		lines = append(lines, "sensors: ["+join(sensors)+"]")
	}
	lines = append(lines, "hosts:")
	for _, h := range c.hosts {
		lines = append(lines, "- address: "+scalar(h.address, true))
		if h.weight != "" {
			lines = append(lines, "  weight: "+h.weight)
		}
		if h.zone != "" {
			lines = append(lines, "  zone: "+scalar(h.zone, false))
		}
	}
	return strings.Join(lines, "\n")
}

// sensors returns what the service will hear of a cluster from.
func (a *adaption) sensors() []config.Sensor {
	sensors := []config.Sensor{config.SensorFilter}
	if a.options.Sensor == SensorAllResponses {
		sensors = []config.Sensor{config.SensorAllResponses}
	}
	if a.options.Sensor == SensorRetries {
		sensors = append(sensors, config.SensorUpstreamFilter)
	}
	if !a.reportsTaken {
		sensors = append(sensors, config.SensorLoadReports)
	}
	return sensors
}

func join(sensors []config.Sensor) string {
	words := make([]string, len(sensors))
	for i, s := range sensors {
		words[i] = string(s)
	}
	return strings.Join(words, ", ")
}

// fits says why a cluster's hosts cannot stand in a configuration, nil if they can.
func (a *adaption) fits(c chosen) error {
	_, err := config.Parse("passive-health.yaml", []byte(a.clustersConfig([]chosen{c})))
	if faults, ok := errors.AsType[config.Faults](err); ok {
		message, _, _ := strings.Cut(faults[0].Message, ", in line ") // a line of a file that nobody will see
		return errors.New(message)
	}
	return err
}

// fullWeight is what the heaviest host gets: a host that returns starts at a tenth of its weight, so it needs some.
const fullWeight = 100

// scale multiplies the weights of a cluster, which keeps their proportions. It returns by how much.
func scale(hosts []host) (factor int) {
	heaviest := 0
	for _, h := range hosts {
		weight, err := strconv.Atoi(h.weight)
		if err != nil {
			return 1 // none, or one that the configuration will not take either
		}
		heaviest = max(heaviest, weight)
	}
	factor = max(fullWeight/max(heaviest, 1), 1)
	for i := range hosts {
		weight, err := strconv.Atoi(hosts[i].weight)
		if err == nil {
			hosts[i].weight = strconv.Itoa(weight * factor)
		}
	}
	return factor
}
