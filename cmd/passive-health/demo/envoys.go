package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/envoy-passive-health/passive-health/envoy"
)

// openEnvoys starts all Envoys at once: each takes a moment.
func (s *stage) openEnvoys(ctx context.Context, _ *Options) error {
	faults := make([]error, len(s.proxies))
	var starting sync.WaitGroup
	for i, p := range s.proxies {
		starting.Go(func() { p.envoy, faults[i] = s.startEnvoy(ctx, p.name) })
	}
	starting.Wait()
	for _, p := range s.proxies {
		if p.envoy != nil {
			s.onClose(p.envoy.Stop)
		}
	}
	return errors.Join(faults...)
}

// startEnvoy runs the shipped envoy.yaml, moved to free ports.
func (s *stage) startEnvoy(ctx context.Context, name string) (*envoy.Process, error) {
	config, err := envoy.Render(envoy.ErrorsOnly, envoy.Params{
		NodeID: name, Admin: freePort, Listener: freePort, Cluster: cluster,
		ExtProc: s.doors.ExtProc.Addr().String(), XDS: s.doors.XDS.Addr().String(),
	})
	if err != nil {
		return nil, fmt.Errorf("configuring %s: %w", name, err)
	}
	dir := filepath.Join(s.dir, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making a folder for %s: %w", name, err)
	}
	process, err := envoy.Start(ctx, envoy.Options{Config: config, Dir: dir})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return process, nil
}

// version asks the Envoy, which says "<commit>/1.40.0/Clean/RELEASE/BoringSSL".
func (p *proxy) version(ctx context.Context) (string, error) {
	body, err := p.envoy.Admin(ctx, "/server_info")
	if err != nil {
		return "", fmt.Errorf("%s: %w", p.name, err)
	}
	var info struct {
		Version string `json:"version"`
	}
	if err := json.Unmarshal(body, &info); err != nil {
		return "", fmt.Errorf("%s: decoding /server_info: %w", p.name, err)
	}
	if parts := strings.Split(info.Version, "/"); len(parts) > 1 {
		return parts[1], nil
	}
	return info.Version, nil
}

// host returns what the Envoy says of one host.
func (p *proxy) host(ctx context.Context, address string) (envoy.HostStatus, error) {
	hosts, err := p.envoy.Hosts(ctx, cluster)
	if err != nil {
		return envoy.HostStatus{}, fmt.Errorf("%s: %w", p.name, err)
	}
	for _, host := range hosts {
		if host.Address == address {
			return host, nil
		}
	}
	return envoy.HostStatus{}, fmt.Errorf("%s knows no host %s", p.name, address)
}
