package cli

import (
	"cmp"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/api"
)

func (s *session) whyCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "why CLUSTER HOST",
		Short:   "Say of one host every rule with its value and bound, what is to come, and what happened",
		Example: "  passive-health why web 10.0.0.1:8080",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := "/api/v1/clusters/" + url.PathEscape(args[0]) + "/hosts/" + url.PathEscape(args[1])
			return show(cmd, s, path, (*printer).why)
		},
	}
}

func (p *printer) why(w *api.Why) {
	p.linef("%s %s: %s, EDS says %s at weight %d of %d", w.Cluster, w.Host.Host,
		p.paint(w.Verdict.String()), p.paint(w.Published.String()), w.PublishedWeight, w.Weight)
	p.linef("  %s", w.Outlook)
	p.linef("  %d errors in its life, %d ejections", w.TotalErrors, w.Ejections)
	if o := w.Override; o != nil {
		p.linef("  override %s: %s by %s, %s left: %s", o.ID, o.Action, o.CreatedBy, p.left(&o.EndsAt), o.Comment)
	}
	p.linef("\nagainst ejecting it now: %s", cmp.Or(strings.Join(w.Blocked, ", "), "nothing"))
	var rows [][]string
	for _, r := range w.Rules {
		rows = append(rows, []string{map[bool]string{true: "yes", false: "no"}[r.Allows], r.Name, r.Value, r.Bound})
	}
	p.table([]string{"ALLOWS", "RULE", "VALUE", "BOUND"}, rows)
	if len(w.Events) > 0 {
		p.linef("")
		p.events(w.Events)
	}
}
