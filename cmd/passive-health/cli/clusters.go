package cli

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/api"
)

// alarms are what an operator should know of the cluster, "-" if there is nothing.
func alarms(c *api.Cluster) string {
	var words []string
	for _, a := range []struct {
		holds bool
		word  string
	}{
		{c.Failing, "every host is failing"},
		{c.Panic, "Envoy panics and ignores the marks"},
		{c.Paused, "paused by an operator"},
		{!c.Enforce, "shadow: nothing is published"},
	} {
		if a.holds {
			words = append(words, a.word)
		}
	}
	return cmp.Or(strings.Join(words, "; "), "-")
}

func (s *session) clustersCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "clusters",
		Short: "List the clusters: how many hosts are out, how many may be, and what is wrong",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return show(cmd, s, "/api/v1/clusters", func(p *printer, a *api.Clusters) { p.clusters(a.Clusters) })
		},
	}
}

func (p *printer) clusters(clusters []api.Cluster) {
	head := []string{"CLUSTER", "HOSTS", "OUT", "CAP", "STATE"}
	if p.wide {
		head = []string{"CLUSTER", "HOSTS", "OUT", "CAP", "MIN IN", "PANIC BELOW", "STATE"}
	}
	var rows [][]string
	for i := range clusters {
		c := &clusters[i]
		row := []string{c.Cluster, strconv.Itoa(c.Hosts), strconv.Itoa(c.Out), fmt.Sprintf("%d%%", c.MaxEjectionPercent)}
		if p.wide {
			row = append(row, strconv.Itoa(c.MinHealthyHosts), fmt.Sprintf("%d%%", c.PanicThreshold))
		}
		rows = append(rows, append(row, alarms(c)))
	}
	p.table(head, rows)
}
