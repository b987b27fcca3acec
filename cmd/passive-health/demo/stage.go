package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/envoy-passive-health/passive-health/envoy"
	"github.com/envoy-passive-health/passive-health/envoy/load"
	"github.com/envoy-passive-health/passive-health/envoy/upstream"
)

// cluster is the name of the shipped sample's cluster.
const cluster = "web"

const freePort = "127.0.0.1:0"

// site is one host with its name.
type site struct {
	name string
	*upstream.Host
}

// proxy is one Envoy with its client.
type proxy struct {
	name   string
	rate   int // requests a second
	envoy  *envoy.Process
	client *load.Client
}

// stage is everything that runs. It is closed in the reverse order of its opening.
type stage struct {
	dir     string    // configurations and logs
	config  string    // the service's configuration file
	doors   Listeners // the service's
	api     *api
	sites   []site
	proxies []*proxy
	control string // address where hosts can be broken and mended

	cleanups []func() error
}

// open starts everything, or says what could not be. What it returns is to be closed in either case.
func open(ctx context.Context, o *Options) (*stage, error) {
	// Nearly all traffic goes through envoy-a, so that it finds the errors and envoy-b profits.
	s := &stage{proxies: []*proxy{{name: "envoy-a", rate: 90}, {name: "envoy-b", rate: 10}}}
	for _, step := range []func(context.Context, *Options) error{
		s.makeDir, s.openSites, s.openService, s.openEnvoys, s.openClients, s.openControl,
	} {
		if err := step(ctx, o); err != nil {
			return s, err
		}
	}
	return s, nil
}

// close ends everything and returns when it is gone.
func (s *stage) close() error {
	var faults []error
	for _, cleanup := range slices.Backward(s.cleanups) {
		faults = append(faults, cleanup())
	}
	s.cleanups = nil
	return errors.Join(faults...)
}

// discard deletes configurations and logs.
func (s *stage) discard() { _ = os.RemoveAll(s.dir) } // at worst a folder is left in the system's place for such

func (s *stage) onClose(cleanup func() error) { s.cleanups = append(s.cleanups, cleanup) }

func (s *stage) makeDir(context.Context, *Options) error {
	dir, err := os.MkdirTemp("", "passive-health-demo-")
	if err != nil {
		return fmt.Errorf("making a folder for the demo: %w", err)
	}
	s.dir, s.config = dir, filepath.Join(dir, "passive-health.yaml")
	return nil
}

func (s *stage) openSites(context.Context, *Options) error {
	for i := range 3 {
		host, err := upstream.Start(freePort)
		if err != nil {
			return fmt.Errorf("starting the demo's hosts: %w", err)
		}
		s.onClose(func() error { host.Stop(); return nil })
		s.sites = append(s.sites, site{fmt.Sprintf("web-%d", i+1), host})
	}
	return nil
}

func (s *stage) openClients(ctx context.Context, _ *Options) error {
	for _, p := range s.proxies {
		p.client = load.Start(ctx, "http://"+p.envoy.Address()+"/", p.rate)
		s.onClose(func() error { p.client.Stop(); return nil })
	}
	return nil
}

func (s *stage) openControl(ctx context.Context, _ *Options) error {
	hosts := make(map[string]*upstream.Host)
	for _, site := range s.sites {
		hosts[site.name] = site.Host
	}
	control, err := startControl(ctx, freePort, hosts)
	if err != nil {
		return err
	}
	s.control = control.address
	s.onClose(control.stop)
	return nil
}

// nameOf returns the name of the host with the address.
func (s *stage) nameOf(address string) string {
	for _, site := range s.sites {
		if site.Addr() == address {
			return site.name
		}
	}
	return address
}
