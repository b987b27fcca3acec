package adapt

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Fallback says what serves while the service has never been reached.
type Fallback string

// The fallbacks.
const (
	FallbackNone      Fallback = "none"      // the cluster has no hosts until the service names them
	FallbackAggregate Fallback = "aggregate" // the original cluster stays behind it
)

// Options are what the user asks of an adaption.
type Options struct {
	Clusters    []string // names of the clusters to take; empty for all that a route of the file leads to
	ObserveOnly bool     // add the sensor, leave every cluster as it is, and publish nothing
	Sensor      Sensor   // how Envoy reports; empty for SensorDefault
	Fallback    Fallback // empty for FallbackNone
	Address     string   // name or IP at which Envoy reaches the service; empty for "passive-health"
}

// Input is the pair of files to adapt.
type Input struct {
	EnvoyName, ConfigName string // for messages and diffs
	Envoy                 []byte
	Config                []byte // the passive-health.yaml there is, or nil
}

// Result is what an adaption makes of the two files.
type Result struct {
	Envoy, Config File
	Notes         []Note // in the order of the files and lines
}

// Changed says whether any of the files is to change.
func (r Result) Changed() bool { return len(r.Envoy.Edits) > 0 || len(r.Config.Edits) > 0 }

// adaption is one run of Adapt.
type adaption struct {
	doc     *document
	options Options
	kit     *kit
	notes   []Note
	present int // clusters that are ours already

	reportsTaken bool // the load reports go to somebody else

	fetching, renaming map[string]*problem // what relies on a cluster, by its name
}

// Adapt works out the edits that put the service beside the Envoy of this configuration. A file that cannot be adapted
// gives a [*Refusal]; the notes of the result say what else was left alone, and why. What has been adapted before
// gives no edits.
func Adapt(in Input, options Options) (Result, error) {
	options = options.withDefaults()
	sample, ok := samples[options.Sensor]
	if !ok {
		return Result{}, fmt.Errorf("sensor %q is none of default, all-responses, retries, grpc", options.Sensor)
	}
	source, err := sample.YAML()
	if err != nil {
		return Result{}, fmt.Errorf("sensor %q: %w", options.Sensor, err)
	}
	kit, err := newKit(string(sample), source, options.Address)
	if err != nil {
		return Result{}, err
	}
	a := &adaption{options: options, kit: kit}
	return a.run(in)
}

// run adapts one pair of files.
func (a *adaption) run(in Input) (Result, error) {
	var err error
	if a.doc, err = parse(in.EnvoyName, in.Envoy); err != nil {
		return Result{}, err
	}
	picked, err := a.edit()
	if err != nil {
		return Result{Notes: a.sortedNotes()}, err
	}
	if _, err := a.doc.finish(); err != nil {
		return Result{Notes: a.sortedNotes()}, err
	}
	config, err := a.configure(in, picked)
	if err != nil {
		return Result{Notes: a.sortedNotes()}, err
	}
	envoy := File{Name: in.EnvoyName, Old: in.Envoy, Edits: sorted(a.doc.edits)}
	return Result{Envoy: envoy, Config: config, Notes: a.sortedNotes()}, nil
}

func (o Options) withDefaults() Options {
	if o.Sensor == "" {
		o.Sensor = SensorDefault
	}
	if o.Fallback == "" {
		o.Fallback = FallbackNone
	}
	if o.Address == "" {
		o.Address = "passive-health"
	}
	return o
}

// edit makes every edit of the Envoy configuration and returns the clusters that it covers.
func (a *adaption) edit() ([]chosen, error) {
	if err := a.examineFile(); err != nil {
		return nil, err
	}
	reports := get(a.doc.root, "cluster_manager", "load_stats_config")
	a.reportsTaken = reports != nil && !names(reports, processorCluster)
	picked := a.choose()
	if err := a.insist(picked); err != nil {
		return nil, err
	}
	if len(picked) == 0 && a.present == 0 {
		return nil, a.refuse(a.clusters(), "has no cluster that can be adapted: see the line of each")
	}
	if err := a.addSensors(); err != nil {
		return nil, err
	}
	if !a.options.ObserveOnly {
		for _, c := range picked {
			if err := a.move(c); err != nil {
				return nil, err
			}
		}
	}
	a.addClusters()
	a.addNode()
	if !a.options.ObserveOnly {
		a.addLoadReports()
	}
	return picked, nil
}

// examineFile refuses files of which another party owns the clusters, or that are laid out too cleverly.
func (a *adaption) examineFile() error {
	if key, _ := field(get(a.doc.root, "dynamic_resources"), "cds_config"); key != nil && !a.options.ObserveOnly {
		return a.handOver(key, "has its clusters from a CDS or ADS server, which would have to change them: hand it the piece that is printed")
	}
	if err := a.examineClusters(); err != nil {
		return err
	}
	for range managers(a.doc.root) {
		return nil
	}
	if key, _ := field(get(a.doc.root, "dynamic_resources"), "lds_config"); key != nil {
		return a.handOver(key, "has its listeners from an LDS or ADS server, which would have to change them: hand it the piece that is printed")
	}
	return a.refuse(a.doc.root, "has no HTTP connection manager in static_resources.listeners, so no place for the sensor")
}

// handOver refuses with the piece for whoever owns what would have to change.
func (a *adaption) handOver(at *yaml.Node, reason string) *Refusal {
	refusal := a.refuse(at, reason)
	refusal.Handover = a.kit.handover()
	return refusal
}

// examineClusters refuses files whose list of clusters cannot be added to.
func (a *adaption) examineClusters() error {
	resources := get(a.doc.root, "static_resources")
	if resources == nil || resources.Kind != yaml.MappingNode {
		return a.refuse(a.doc.root, "has no static_resources: it is no Envoy bootstrap configuration with listeners and clusters")
	}
	_, clusters := field(resources, "clusters")
	switch {
	case clusters == nil, isNull(clusters):
		return a.refuse(resources, "has no static_resources.clusters")
	case clusters.Kind != yaml.SequenceNode:
		return a.refuse(clusters, "has static_resources.clusters that are no list but an alias or another value")
	}
	return nil
}

// insist fails when a cluster that the user has named is not there, or cannot be adapted.
func (a *adaption) insist(picked []chosen) error {
	for _, name := range a.options.Clusters {
		cluster := byName(a.clusters(), name)
		if cluster.Kind == 0 {
			return a.refuse(a.clusters(), fmt.Sprintf("has no cluster %q", name))
		}
		if !a.isOurs(cluster) && !slices.ContainsFunc(picked, func(c chosen) bool { return c.name == name }) {
			return a.refuse(cluster, fmt.Sprintf("has the cluster %q, but it cannot be adapted: see its line", name))
		}
	}
	return nil
}

func (a *adaption) clusters() *yaml.Node { return get(a.doc.root, "static_resources", "clusters") }

func (a *adaption) notef(at *yaml.Node, format string, arguments ...any) {
	a.notes = append(a.notes, Note{a.doc.name, at.Line, fmt.Sprintf(format, arguments...)})
}

func (a *adaption) refuse(at *yaml.Node, reason string) *Refusal {
	return &Refusal{File: a.doc.name, Line: at.Line, Reason: reason}
}

func (a *adaption) sortedNotes() []Note {
	slices.SortStableFunc(a.notes, func(x, y Note) int {
		return cmp.Or(strings.Compare(x.File, y.File), cmp.Compare(x.Line, y.Line))
	})
	return a.notes
}

// handover is the yaml for whoever owns the clusters and listeners.
func (k *kit) handover() string {
	var b strings.Builder
	b.WriteString("# Each cluster to protect: in place of its type and load_assignment.\ntype: EDS\n")
	b.WriteString(k.eds.text + "\n" + k.merge.text + "\n")
	b.WriteString("# The clusters of the service.\n" + k.processor.block(0, "- ", "\n") + "\n" + k.xds.block(0, "- ", "\n") + "\n")
	b.WriteString("# Before the router, in each HTTP connection manager.\n")
	for _, filter := range k.filters {
		b.WriteString(filter.block(0, "- ", "\n") + "\n")
	}
	return b.String()
}
