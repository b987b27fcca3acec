package main

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// build is what the Go toolchain recorded of this binary.
type build struct{ version, revision, goVersion string }

func buildInfo() build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return build{"unknown", "unknown", "unknown"}
	}
	b := build{version: info.Main.Version, revision: "unknown", goVersion: info.GoVersion}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			b.revision = s.Value
		}
	}
	return b
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Say which build this is",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b := buildInfo()
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "passive-health %s (revision %s, %s)\n", b.version, b.revision, b.goVersion)
			return err
		},
	}
}
