package cli

import (
	"cmp"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/api"
)

func (s *session) hostsCommand() *cobra.Command {
	var cluster, verdict string
	cmd := &cobra.Command{
		Use:   "hosts",
		Short: "List the hosts: verdict, what EDS says, since when, until when and why",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path := query("/api/v1/hosts", map[string]string{"cluster": cluster, "verdict": verdict})
			return show(cmd, s, path, func(p *printer, a *api.Hosts) { p.hosts(a.Hosts) })
		},
	}
	cmd.Flags().StringVar(&cluster, "cluster", "", "only the hosts of this cluster")
	cmd.Flags().StringVar(&verdict, "verdict", "", "only hosts that are healthy, ejected or probation")
	return cmd
}

func (p *printer) hosts(hosts []api.Host) {
	head := []string{"CLUSTER", "HOST", "VERDICT", "EDS", "SINCE", "LEFT", "ERRORS"}
	if p.wide {
		head = append(head, "TOTAL", "EJECTIONS", "WEIGHT", "ZONE", "OVERRIDE")
	}
	var rows [][]string
	for i := range hosts {
		h := &hosts[i]
		row := []string{h.Cluster, h.Host, h.Verdict.String(), h.Published.String(), p.ago(h.Since), p.left(h.Until)}
		row = append(row, strconv.Itoa(h.Window.Errors))
		if p.wide {
			weight := fmt.Sprintf("%d/%d", h.PublishedWeight, h.Weight)
			row = append(row, strconv.FormatUint(h.TotalErrors, 10), strconv.Itoa(h.Ejections), weight, cmp.Or(h.Zone, "-"), order(h.Override))
		}
		rows = append(rows, append(row, h.Outlook))
	}
	p.table(append(head, "WHY"), rows)
}

// order is the operator's word on a host, "-" if there is none.
func order(o *api.Override) string {
	if o == nil {
		return "-"
	}
	return string(o.Action) + " by " + o.CreatedBy
}
