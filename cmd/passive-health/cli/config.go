package cli

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/api"
	"github.com/envoy-passive-health/passive-health/cmd/passive-health/config"
)

func (s *session) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Show the running configuration, or the schema of configuration files",
	}
	cmd.AddCommand(
		&cobra.Command{
			Use:   "show",
			Short: "Show each value that the service runs with, and where it comes from",
			Args:  cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				return show(cmd, s, "/api/v1/config", (*printer).config)
			},
		},
		&cobra.Command{
			Use:   "schema",
			Short: "Print the JSON Schema of configuration files",
			Args:  cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				_, err := io.WriteString(cmd.OutOrStdout(), config.Schema())
				return err
			},
		},
	)
	return cmd
}

// config lists the values; without wide those that are not a default.
func (p *printer) config(c *api.Config) {
	p.linef("# %s, SHA-256 %s", c.Path, c.Hash)
	var rows [][]string
	for _, s := range c.Settings {
		if p.wide || s.Source != "default" {
			rows = append(rows, []string{s.Key, s.Value, s.Source})
		}
	}
	p.table([]string{"KEY", "VALUE", "SOURCE"}, rows)
	if left := len(c.Settings) - len(rows); left > 0 {
		p.linef("and %d defaults, which -o wide shows", left)
	}
}
