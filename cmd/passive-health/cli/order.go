package cli

import (
	"net/http"
	"os"
	"os/user"
	"time"

	"github.com/spf13/cobra"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/api"
	"github.com/envoy-passive-health/passive-health/health"
)

// orders are the verbs that give an operator's word.
var orders = map[health.Action]struct{ use, short, example string }{
	health.ActionEject: {
		"eject CLUSTER [HOST...]", "Take hosts out of rotation, whatever the verdict",
		`  passive-health eject web 10.0.0.1:8080 --for 10m --comment "bad disk"`,
	},
	health.ActionKeep: {
		"keep CLUSTER [HOST...]", "Keep hosts in rotation, whatever the verdict",
		`  passive-health keep web --for 1h --comment "load test"`,
	},
	health.ActionPause: {
		"pause CLUSTER|--all", "Have the automation eject nothing; what is out comes back on time",
		`  passive-health pause --all --for 30m --comment "network works"`,
	},
}

func (s *session) orderCommand(action health.Action) *cobra.Command {
	o := &api.NewOverride{Action: action}
	var length time.Duration
	var all bool
	cmd := &cobra.Command{
		Use: orders[action].use, Short: orders[action].short, Example: orders[action].example,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := complete(o, args, length, all); err != nil {
				return err
			}
			return s.order(cmd, o)
		},
	}
	flags := cmd.Flags()
	flags.DurationVar(&length, "for", 0, "how long, such as 30m or 1h; every order has an end")
	flags.StringVar(&o.Comment, "comment", "", "why, for whoever reads it at night")
	flags.StringVar(&o.CreatedBy, "by", defaultUser(), "who orders it")
	flags.StringVar(&o.Link, "link", "", "`URL` of a ticket or the like")
	if action == health.ActionEject {
		flags.BoolVar(&o.Force, "force", false, "even if no healthy host is left")
	}
	if action == health.ActionPause {
		flags.BoolVar(&all, "all", false, "every cluster")
	}
	return cmd
}

// complete fills in what the arguments say.
func complete(o *api.NewOverride, args []string, length time.Duration, all bool) error {
	switch {
	case all == (len(args) > 0):
		return usagef("name a cluster%s", map[bool]string{true: ", or --all without one"}[o.Action == health.ActionPause])
	case o.Action == health.ActionPause && len(args) > 1:
		return usagef("pause is for a whole cluster, not for hosts")
	case length <= 0:
		return usagef("--for is missing: how long, such as 30m")
	case o.Comment == "":
		return usagef("--comment is missing: why")
	case o.CreatedBy == "":
		return usagef("--by is missing: who orders it")
	}
	if !all {
		o.Cluster, o.Hosts = args[0], args[1:]
	}
	o.Duration = length.String()
	return nil
}

func (s *session) order(cmd *cobra.Command, o *api.NewOverride) error {
	c, err := s.client()
	if err != nil {
		return err
	}
	a, err := c.ask(cmd.Context(), http.MethodPost, "/api/v1/overrides", o)
	if err != nil {
		return err
	}
	return present(cmd, s, a, func(p *printer, made *api.Override) {
		p.linef("%s %s until %s", made.Action, subject(made), clock(made.EndsAt))
		p.linef("to end it before: passive-health overrides end %s", made.ID)
	})
}

// defaultUser is who runs the verb, "" if that is not known.
func defaultUser() string {
	if name := os.Getenv("USER"); name != "" {
		return name
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return ""
}
