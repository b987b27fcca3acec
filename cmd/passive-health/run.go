package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/cli"
)

// The exit codes, the same for every verb and output format.
const (
	exitFine    = 0
	exitFailure = 1 // findings, or a failure while running
	exitUnable  = 2 // could not run: usage, or a configuration that is unreadable or invalid
)

// unable wraps the error of something that could not even begin.
type unable struct{ error }

// Unwrap returns the error itself.
func (u unable) Unwrap() error { return u.error }

// run is the program. Its result is the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return execute(ctx, rootCommand(cli.Options{Color: isColorful}), args, stdout, stderr)
}

func execute(ctx context.Context, root *cobra.Command, args []string, stdout, stderr io.Writer) int {
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	started := false // the arguments were in order: what fails from here on is the verb itself
	root.PersistentPreRun = func(*cobra.Command, []string) { started = true }
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitFine
	}
	fmt.Fprintln(stderr, "Error:", err)
	_, isUnable := errors.AsType[unable](err)
	_, isUsage := errors.AsType[cli.UsageError](err)
	if isUnable || isUsage || !started {
		return exitUnable
	}
	return exitFailure
}

func rootCommand(o cli.Options) *cobra.Command {
	root := &cobra.Command{
		Use:           "passive-health",
		Short:         "Takes failing upstream hosts out of rotation for a whole fleet of Envoys",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(serveCommand(), checkCommand(), adaptCommand(), demoCommand(), explainCommand(), versionCommand())
	root.AddCommand(cli.Commands(o)...)
	return root
}
