package config

import (
	"slices"

	"go.yaml.in/yaml/v4"
)

// Sensor is one way in which a cluster's responses become known.
type Sensor string

// The sensors. Each belongs to a piece of Envoy's configuration; see the samples.
const (
	SensorFilter         Sensor = "filter"          // the ext_proc filter, errors only
	SensorAllResponses   Sensor = "all_responses"   // the ext_proc filter, every response
	SensorUpstreamFilter Sensor = "upstream_filter" // the ext_proc filter in the cluster, for each attempt
	SensorLoadReports    Sensor = "load_reports"
	SensorAccessLog      Sensor = "access_log" // the router's upstream_log
)

// DefaultSensors returns those of a cluster that says nothing: what the default sample has.
func DefaultSensors() []Sensor { return []Sensor{SensorFilter, SensorLoadReports} }

// doubled are the pairs of sensors that would count one failure twice, and why.
var doubled = []struct {
	one, other Sensor
	why        string
}{
	{SensorAccessLog, SensorFilter, "the access log has an entry for what the filter shows"},
	{SensorAccessLog, SensorAllResponses, "the access log has an entry for what the filter shows"},
	{SensorAccessLog, SensorUpstreamFilter, "the access log has an entry for each attempt that the filter shows"},
	{SensorUpstreamFilter, SensorAllResponses, "what the cluster's filter shows of the last attempt, the other shows again"},
	{SensorFilter, SensorAllResponses, "they are one filter with and without its matcher"},
}

func (d *decoder) sensors(to *[]Sensor) field {
	return func(n *yaml.Node, path string) {
		var sensors []Sensor
		seen := map[string]int{}
		there := d.list(n, path, func(n *yaml.Node, path string) {
			var s Sensor
			word(d, &s, SensorFilter, SensorAllResponses, SensorUpstreamFilter, SensorLoadReports, SensorAccessLog)(n, path)
			if s != "" && d.unique(n, path, string(s), seen) {
				sensors = append(sensors, s)
			}
		})
		switch {
		case !there: // the default stays
		case len(n.Content) == 0:
			d.faultf(n, path, "is empty: without a sensor nothing is known of the cluster")
		case len(sensors) > 0:
			*to = sensors
		}
	}
}

// checkSensors faults combinations that count twice, and a policy that asks for what no sensor gives.
func (d *decoder) checkSensors(n *yaml.Node, path string, c *Cluster) {
	at := valueOf(n, "sensors")
	for _, pair := range doubled {
		if c.Has(pair.one) && c.Has(pair.other) {
			d.faultf(at, path+".sensors", "%s and %s together would count a failure twice: %s", pair.one, pair.other, pair.why)
		}
	}
	ratio := c.Policy.FailurePercent > 0 || c.Policy.MinRequests > 0
	if ratio && !slices.ContainsFunc(c.Sensors, Sensor.givesVolume) {
		d.faultf(at, path+".sensors", "%v do not say how many requests there are, which failure_percent and min_requests need: "+
			"add load_reports or use all_responses", c.Sensors)
	}
}

func (s Sensor) givesVolume() bool { return s == SensorLoadReports || s == SensorAllResponses }
