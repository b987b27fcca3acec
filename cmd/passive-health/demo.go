package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/config"
	"github.com/envoy-passive-health/passive-health/cmd/passive-health/demo"
	"github.com/envoy-passive-health/passive-health/envoy"
)

func demoCommand() *cobra.Command {
	var keep bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Watch two real Envoys leave a failing host alone, and take it back",
		Long: "Run three hosts, the service and two real Envoys on free ports of this machine, with steady traffic; break a host " +
			"and tell what happens. Takes about 40 seconds; the exit code says whether the host was really ejected and came back.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, release := untilSignal(cmd)
			defer release()
			err := demo.Run(ctx, demo.Options{
				Serve: serveDemo, Out: cmd.OutOrStdout(), Color: isColorful(cmd.OutOrStdout()), Keep: keep, Pace: demo.DefaultPace(),
			})
			if errors.Is(err, envoy.ErrNoBinary) {
				return unable{err}
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&keep, "keep", false, "leave everything running until Ctrl-C, with the addresses printed")
	cmd.AddCommand(behaviourCommand("break", "503"), behaviourCommand("mend", "ok"), upstreamCommand(), clientCommand(), probeCommand())
	return cmd
}

// untilSignal is the verb's context, ended by the first signal; a second one ends the process.
func untilSignal(cmd *cobra.Command) (context.Context, context.CancelFunc) {
	ctx, release := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, release)
	return ctx, release
}

// serveDemo is demo.ServeFunc.
func serveDemo(ctx context.Context, path string, l demo.Listeners, log io.Writer) error {
	c, err := config.Load(path)
	if err != nil {
		return err
	}
	s, err := newService(ctx, path, c, newLogger(log, c.Log))
	if err != nil {
		return err
	}
	return s.serve(ctx, listeners{l.ExtProc, l.XDS, l.Admin})
}

// isColorful says whether out is a terminal whose user has not asked for plain text.
func isColorful(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func behaviourCommand(verb, behaviour string) *cobra.Command {
	var address string
	cmd := &cobra.Command{
		Use:   verb + " HOST [BEHAVIOUR]",
		Short: "Have a host of a running demo answer " + behaviour + ", or behave otherwise",
		Long: "Change how a host of a running demo behaves, by default to " + behaviour + ". Others are a status, refuse, reset, close, " +
			"garbage, stall, reset-body and stall-body, each with an optional \",PERCENT%\" and \",DELAY\": \"503,30%\", \"ok,250ms\".",
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return demo.SetBehaviour(cmd.Context(), cmd.OutOrStdout(), address, args[0], append(args, behaviour)[1])
		},
	}
	cmd.Flags().StringVar(&address, "control", demo.ControlAddress, "the `address` that demo --keep has printed")
	return cmd
}

// The verbs below are what docker-compose.yaml runs.

func upstreamCommand() *cobra.Command {
	var listen, control, name, behaviour string
	cmd := &cobra.Command{
		Use:    "upstream",
		Short:  "Run one sample host",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, release := untilSignal(cmd)
			defer release()
			return demo.Upstream(ctx, cmd.OutOrStdout(), listen, control, name, behaviour)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "0.0.0.0:8080", "the `address` to answer on, ip:port")
	cmd.Flags().StringVar(&control, "control", demo.ControlAddress, "the `address` to be broken and mended at")
	cmd.Flags().StringVar(&name, "name", "web", "the host's `name` there")
	cmd.Flags().StringVar(&behaviour, "behaviour", "ok", "how it behaves at first")
	return cmd
}

func clientCommand() *cobra.Command {
	var rate int
	cmd := &cobra.Command{
		Use:    "client --rate N URL...",
		Short:  "Send steady traffic",
		Hidden: true,
		Args:   cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, release := untilSignal(cmd)
			defer release()
			return demo.Client(ctx, cmd.OutOrStdout(), rate, args)
		},
	}
	cmd.Flags().IntVar(&rate, "rate", 50, "requests a second to each URL")
	return cmd
}

func probeCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "probe URL",
		Short:  "Succeed if the URL answers 200",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE:   func(cmd *cobra.Command, args []string) error { return demo.Probe(cmd.Context(), args[0]) },
	}
}
