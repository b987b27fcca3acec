package cli

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/api"
)

// subject says what the override is about.
func subject(o *api.Override) string {
	if o.Cluster == "" {
		return "every cluster"
	}
	if len(o.Hosts) == 0 {
		return o.Cluster + " (all hosts)"
	}
	return o.Cluster + " " + strings.Join(o.Hosts, ",")
}

func (s *session) overridesCommand() *cobra.Command {
	var ended bool
	cmd := &cobra.Command{
		Use:   "overrides",
		Short: "List the operators' orders in force",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return show(cmd, s, "/api/v1/overrides", func(p *printer, a *api.Overrides) { p.overrides(a.Overrides, ended) })
		},
	}
	cmd.Flags().BoolVar(&ended, "ended", false, "those as well that ended within the last day (json has them always)")
	cmd.AddCommand(s.endCommand())
	return cmd
}

func (s *session) endCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "end ID",
		Short: "End an order before its time",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := s.client()
			if err != nil {
				return err
			}
			a, err := c.ask(cmd.Context(), http.MethodDelete, "/api/v1/overrides/"+url.PathEscape(args[0]), nil)
			if err != nil {
				return err
			}
			return present(cmd, s, a, func(p *printer, o *api.Override) { p.linef("ended: %s %s by %s", o.Action, subject(o), o.CreatedBy) })
		},
	}
}

func (p *printer) overrides(list []api.Override, ended bool) {
	var rows [][]string
	for i := range list {
		o := &list[i]
		if !o.Active && !ended {
			continue
		}
		left := "ended"
		if o.Active {
			left = p.left(&o.EndsAt)
		}
		row := []string{o.ID, string(o.Action), subject(o), left, o.CreatedBy}
		if p.wide {
			row = append(row, cmp.Or(o.Link, "-"))
		}
		rows = append(rows, append(row, o.Comment))
	}
	head := []string{"ID", "ACTION", "ON", "LEFT", "BY"}
	if p.wide {
		head = append(head, "LINK")
	}
	p.table(append(head, "COMMENT"), rows)
}
