package cli

import (
	"cmp"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/api"
)

func (s *session) proxiesCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "proxies",
		Short: "List the connected Envoys, and whether each has what was sent last",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return show(cmd, s, "/api/v1/proxies", func(p *printer, a *api.Proxies) { p.proxies(a.Proxies) })
		},
	}
}

func (p *printer) proxies(proxies []api.Proxy) {
	head := []string{"ENVOY", "STATE", "LAST ACK", "UNACKED FOR"}
	if p.wide {
		head = append(head, "VERSION", "ADDRESS", "STREAMS", "CLUSTER")
	}
	var rows [][]string
	for i := range proxies {
		x := &proxies[i]
		row := []string{x.Node, string(x.State), p.ago(x.LastAck), p.ago(x.OldestUnacked)}
		if p.wide {
			row = append(row, cmp.Or(x.EnvoyVersion, "-"), x.Address, strconv.Itoa(x.Streams), cmp.Or(x.Cluster, "-"))
		}
		nack := "-"
		if x.LastNack != nil {
			nack = p.ago(&x.LastNack.At) + " ago, " + x.LastNack.ServiceName + ": " + x.LastNack.Text
		}
		rows = append(rows, append(row, nack))
	}
	p.table(append(head, "LAST NACK"), rows)
}
