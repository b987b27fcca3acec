package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/config"
)

func serveCommand() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "serve --config FILE",
		Short: "Run the service",
		Long: "Run the service until SIGTERM or SIGINT; a second one ends it at once. SIGHUP reloads the configuration, as a " +
			"change of the file does within 5 seconds.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return serve(cmd, path) },
	}
	cmd.Flags().StringVar(&path, "config", "passive-health.yaml", "the configuration `file`")
	return cmd
}

func serve(cmd *cobra.Command, path string) error {
	c, err := config.Load(path)
	if err != nil {
		return unable{err}
	}
	ctx, release := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer release()
	context.AfterFunc(ctx, release) // from then on a second signal ends the process
	s, err := newService(ctx, path, c, newLogger(cmd.ErrOrStderr(), c.Log))
	if err != nil {
		return unable{err}
	}
	l, err := listenAll(ctx, c.Listen)
	if err != nil {
		return unable{err}
	}
	tuneMemory()
	defer reloadOnHangup(ctx, s.configs)()
	return s.serve(ctx, l)
}

// tuneMemory lets garbage gather for longer than Go's default. Every report is a stream of its own and leaves some
// kilobytes behind it, beside a heap of a few megabytes: collecting those hundreds of times a second would cost more
// than serving them. GOGC in the environment goes before.
func tuneMemory() {
	const percent = 400
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}

// reloadOnHangup reloads at each SIGHUP until the returned function is called.
func reloadOnHangup(ctx context.Context, cs *configs) (release func()) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		for {
			select {
			case <-hangups:
				_ = cs.reload(ctx) // it has logged why
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() {
		signal.Stop(hangups)
		cancel()
	}
}
