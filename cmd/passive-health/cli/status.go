package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/api"
	"github.com/envoy-passive-health/passive-health/xds"
)

func (s *session) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Say how the service is: version, mode, readiness, connected Envoys",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return show(cmd, s, "/api/v1/status", (*printer).status)
		},
	}
}

func (p *printer) status(s *api.Status) {
	p.linef("passive-health %s, up %s, %s, %s, Envoys: %s, configuration %.12s", s.Version, p.ago(&s.StartedAt), s.Mode, readiness(s.Ready),
		envoys(s.Proxies), s.ConfigHash)
	for _, c := range s.Conditions {
		if !c.OK {
			p.linef("  not so: %s", c.Name)
		}
	}
}

func readiness(ready bool) string {
	if ready {
		return "ready"
	}
	return "NOT READY"
}

// envoys says how many Envoys are in which state: "2 synced, 1 stale".
func envoys(states map[xds.ProxyState]int) string {
	var words []string
	for _, state := range slices.Sorted(maps.Keys(states)) {
		if n := states[state]; n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, state))
		}
	}
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}
