package envoy

import (
	"context"
	"net"
	"strconv"
)

// HostStatus is what Envoy says of one host of a cluster.
type HostStatus struct {
	Address  string // "10.0.0.1:8080"
	EDS      string // the mark that EDS gave it: "HEALTHY", "UNHEALTHY", "DRAINING", ...
	Weight   uint32
	Requests int64 // requests sent to it since it joined, by this Envoy
	Errors   int64 // those that failed, by Envoy's own reckoning
}

// wireCluster is one cluster in the answer to /clusters?format=json.
type wireCluster struct {
	Name  string     `json:"name"`
	Hosts []wireHost `json:"host_statuses"`
}

type wireHost struct {
	Address struct {
		Socket struct {
			Address string `json:"address"`
			Port    uint16 `json:"port_value"`
		} `json:"socket_address"`
	} `json:"address"`
	Health struct {
		EDS string `json:"eds_health_status"`
	} `json:"health_status"`
	Weight uint32 `json:"weight"`
	Stats  []struct {
		Name  string `json:"name"`
		Value int64  `json:"value,string"`
	} `json:"stats"`
}

// Hosts returns the hosts of a cluster in Envoy's order; none if Envoy knows no such cluster.
func (p *Process) Hosts(ctx context.Context, cluster string) ([]HostStatus, error) {
	var answer struct {
		Clusters []wireCluster `json:"cluster_statuses"`
	}
	if err := p.adminJSON(ctx, "/clusters?format=json", &answer); err != nil {
		return nil, err
	}
	var hosts []HostStatus
	for _, c := range answer.Clusters {
		if c.Name != cluster {
			continue
		}
		for i := range c.Hosts {
			hosts = append(hosts, c.Hosts[i].status())
		}
	}
	return hosts, nil
}

func (h *wireHost) status() HostStatus {
	s := HostStatus{
		Address: net.JoinHostPort(h.Address.Socket.Address, strconv.Itoa(int(h.Address.Socket.Port))),
		EDS:     h.Health.EDS,
		Weight:  h.Weight,
	}
	for _, stat := range h.Stats {
		switch stat.Name {
		case "rq_total":
			s.Requests = stat.Value
		case "rq_error":
			s.Errors = stat.Value
		}
	}
	return s
}
