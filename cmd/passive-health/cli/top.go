package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/api"
	"github.com/envoy-passive-health/passive-health/health"
)

func (s *session) topCommand() *cobra.Command {
	var interval time.Duration
	var frames int
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Watch clusters, hosts that are not healthy, and events",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if interval <= 0 {
				return usagef("--interval: %v is not above 0s", interval)
			}
			return s.top(cmd, interval, frames)
		},
	}
	cmd.Flags().DurationVar(&interval, "interval", time.Second, "how often to draw")
	cmd.Flags().IntVarP(&frames, "frames", "n", 0, "draw so often, then end; 0 for until Ctrl-C")
	return cmd
}

// clearScreen moves to the upper left and clears what is below.
const clearScreen = "\x1b[H\x1b[2J"

func (s *session) top(cmd *cobra.Command, interval time.Duration, frames int) error {
	c, err := s.client()
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	for n := 1; ; n++ {
		view, err := c.look(ctx)
		if err != nil {
			return err
		}
		if err := s.draw(cmd, view); err != nil || n == frames {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(interval):
		}
	}
}

// view is what top shows: the API's own answers, as they stood in one look.
type view struct {
	Status   json.RawMessage `json:"status"`
	Clusters json.RawMessage `json:"clusters"`
	Hosts    json.RawMessage `json:"hosts"`
	Events   json.RawMessage `json:"events"`

	at time.Time
}

func (c *client) look(ctx context.Context) (view, error) {
	var v view
	for _, part := range []struct {
		path string
		to   *json.RawMessage
	}{
		{"/api/v1/status", &v.Status},
		{"/api/v1/clusters", &v.Clusters},
		{"/api/v1/hosts", &v.Hosts},
		{"/api/v1/events", &v.Events},
	} {
		a, err := c.get(ctx, part.path)
		if err != nil {
			return v, err
		}
		*part.to, v.at = a.body, a.at
	}
	return v, nil
}

func (s *session) draw(cmd *cobra.Command, v view) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("the service's answer: %w", err)
	}
	return present(cmd, s, answer{body, v.at}, (*printer).top)
}

// What of long lists top shows.
const (
	topHosts  = 30
	topEvents = 10
)

func (p *printer) top(a *struct {
	Status   api.Status
	Clusters api.Clusters
	Hosts    api.Hosts
	Events   api.Events
},
) {
	if p.color {
		p.text.WriteString(clearScreen)
	}
	p.status(&a.Status)
	p.linef("")
	p.clusters(a.Clusters.Clusters)
	p.linef("")
	troubled := slices.DeleteFunc(a.Hosts.Hosts, func(h api.Host) bool {
		return h.Verdict == health.Healthy && h.Published == health.PublishedHealthy && h.Window.Errors == 0
	})
	if len(troubled) == 0 {
		p.linef("every host is healthy, without an error in its window")
	} else {
		p.hosts(troubled[:min(len(troubled), topHosts)])
	}
	if more := len(troubled) - topHosts; more > 0 {
		p.linef("and %d more", more)
	}
	p.linef("")
	p.events(a.Events.Events[max(len(a.Events.Events)-topEvents, 0):])
}
