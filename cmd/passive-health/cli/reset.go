package cli

import (
	"net/http"

	"github.com/spf13/cobra"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/api"
)

func (s *session) resetCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "reset CLUSTER HOST | reset --all",
		Short: "Forget a host's errors, ejections and mark: it is healthy in the next push",
		Args: func(_ *cobra.Command, args []string) error {
			if all && len(args) != 0 || !all && len(args) != 2 {
				return usagef("name a cluster and a host, or --all without them")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return s.reset(cmd, args) },
	}
	cmd.Flags().BoolVar(&all, "all", false, "every host of every cluster")
	return cmd
}

func (s *session) reset(cmd *cobra.Command, args []string) error {
	c, err := s.client()
	if err != nil {
		return err
	}
	var body api.Reset
	if len(args) > 0 {
		body = api.Reset{Cluster: args[0], Host: args[1]}
	}
	a, err := c.ask(cmd.Context(), http.MethodPost, "/api/v1/hosts/reset", body)
	if err != nil {
		return err
	}
	return present(cmd, s, a, func(p *printer, done *struct{ Reset string }) { p.linef("reset: %s", done.Reset) })
}
