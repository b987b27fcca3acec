package blame_test

import (
	"fmt"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
	"google.golang.org/grpc"

	"github.com/envoy-passive-health/passive-health/envoy"
	"github.com/envoy-passive-health/passive-health/envoy/envoytest"
)

// stage is one Envoy that runs a sample, with a cluster and a route for each situation, and the service behind it.
type stage struct {
	*rig

	casts map[string]*cast // by situation
	conn  *grpc.ClientConn
}

// id is a situation's name in paths, routes and clusters.
func id(section, row int) string { return fmt.Sprintf("s%d-%d", section, row) }

// each calls f for every situation, in order.
func each(f func(id string, s *situation)) {
	for i := range sections {
		for j := range sections[i].rows {
			f(id(i, j), &sections[i].rows[j])
		}
	}
}

// startStage returns when Envoy has all hosts. No host is ever ejected: what is charged is all that matters.
func startStage(t *testing.T, sample envoy.Sample) *stage {
	t.Helper()
	s := &stage{casts: map[string]*cast{}}
	config := "policy: {error_threshold: 1000, window: 1h}\nclusters:\n"
	each(func(id string, situation *situation) {
		if situation.hosts == nil {
			return
		}
		c := situation.hosts(t)
		s.casts[id] = c
		config += fmt.Sprintf("- {name: %s, sensors: %s, hosts: ['%s']}\n", id, sensors[sample], strings.Join(c.addresses, "', '"))
	})
	s.rig = &rig{service: envoytest.StartService(t, program, config)}
	s.envoy = s.bootstrap(t, sample, s.service.ExtProc).start(t)
	s.conn = dial(t, s.envoy.Address())
	for id, c := range s.casts {
		envoytest.Until(t, patience, "Envoy has the hosts of "+id, func() bool {
			_, ok := s.envoy.Host(t, id, c.addresses[0])
			return ok
		})
	}
	s.awaitReports(t, 1)
	return s
}

// bootstrap is the sample with the routes and clusters of all situations. Its sensors talk to an address.
func (s *stage) bootstrap(t *testing.T, sample envoy.Sample, sensors string) bootstrap {
	t.Helper()
	b := newBootstrap(t, sample, envoy.Params{ExtProc: sensors, XDS: s.service.XDS})
	delete(b.host(), "retry_policy") // a situation says itself whether it retries
	template, err := yaml.Marshal(b.web())
	if err != nil {
		t.Fatal(err)
	}
	var routes []any
	clusters := in[[]any](b.resources(), "clusters")
	each(func(id string, situation *situation) {
		routes = append(routes, situation.asRoute(t, id))
		cluster := map[string]any{"name": id, "type": "STATIC"}
		if situation.hosts != nil {
			cluster = parse[map[string]any](t, string(template))
			cluster["name"] = id
			in[map[string]any](cluster, "eds_cluster_config")["service_name"] = id
			situation.change(t, cluster)
		}
		clusters = append(clusters, cluster)
	})
	b.resources()["clusters"] = clusters
	b.host()["routes"] = append(routes, in[[]any](b.host(), "routes")...)
	nowhere := map[string]any{"name": "nowhere", "domains": []string{"nowhere"}}
	b.routing()["virtual_hosts"] = []any{b.host(), nowhere}
	return b
}

// asRoute is the situation's route: one attempt of 0.3 s, unless it says otherwise.
func (s *situation) asRoute(t *testing.T, id string) map[string]any {
	t.Helper()
	action := map[string]any{"cluster": id, "timeout": "0.3s", "retry_policy": map[string]any{"num_retries": 0}}
	if s.blame == 3 || strings.Contains(s.name, ", then ") {
		action["timeout"], action["retry_policy"] = "15s", parse[any](t, retrying)
	}
	route := map[string]any{"name": id, "match": map[string]any{"prefix": "/" + id + "/"}, "route": action}
	if s.route == "" {
		return route
	}
	for key, value := range parse[map[string]any](t, s.route) {
		if key != "route" { // another kind of route
			delete(route, "route")
			route[key] = value
			continue
		}
		merge(action, value.(map[string]any))
		if action["cluster_header"] != nil {
			delete(action, "cluster")
		}
	}
	return route
}

// change makes the cluster differ as the situation wants.
func (s *situation) change(t *testing.T, cluster map[string]any) {
	t.Helper()
	switch {
	case s.cluster == overHTTP2:
		overlay := map[string]any{"typed_extension_protocol_options": parse[any](t, overHTTP2)}
		if options, ok := cluster["typed_extension_protocol_options"].(map[string]any); ok {
			for _, o := range options {
				delete(o.(map[string]any), "explicit_http_config") // HTTP/1 or HTTP/2, not both
			}
		}
		merge(cluster, overlay)
	case s.cluster != "":
		merge(cluster, parse[map[string]any](t, s.cluster))
	case cluster["typed_extension_protocol_options"] != nil: // grpc.yaml speaks HTTP/2 to its hosts, this one is HTTP/1
		for _, o := range in[map[string]any](cluster, "typed_extension_protocol_options") {
			o.(map[string]any)["explicit_http_config"] = map[string]any{"http_protocol_options": map[string]any{}}
		}
	}
}

// merge puts what is in from into to, maps within maps too.
func merge(to, from map[string]any) {
	for key, value := range from {
		inner, isMap := value.(map[string]any)
		old, wasMap := to[key].(map[string]any)
		if isMap && wasMap {
			merge(old, inner)
		} else {
			to[key] = value
		}
	}
}

// call makes a gRPC call on a situation's route.
func (s *stage) call(t *testing.T, id string) {
	t.Helper()
	invoke(t, s.conn, "/"+id+"/Call")
}
