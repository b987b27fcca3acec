package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/config"
)

// errFaults ends `check` when there are faults. They have been printed; the exit code is 1.
var errFaults = errors.New("the configuration has faults")

func checkCommand() *cobra.Command {
	var path, format string
	cmd := &cobra.Command{
		Use:   "check --config FILE",
		Short: "Check a configuration and say every fault in it",
		Long: "Check a configuration and say every fault in it, a line each: file:line:column: path: what is wrong and what is " +
			"allowed. The exit code is 1 if there are any, 2 if the file cannot be read.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return check(path, format, cmd.OutOrStdout()) },
	}
	cmd.Flags().StringVar(&path, "config", "passive-health.yaml", "the configuration `file`")
	cmd.Flags().StringVarP(&format, "output", "o", "text", "text or json")
	return cmd
}

func check(path, format string, out io.Writer) error {
	if format != "text" && format != "json" {
		return unable{fmt.Errorf("--output: %q is not text or json", format)}
	}
	_, err := config.Load(path)
	faults, ok := errors.AsType[config.Faults](err)
	if err != nil && !ok {
		return unable{err}
	}
	if err := printFaults(out, path, format, faults); err != nil {
		return err
	}
	if len(faults) > 0 {
		return errFaults
	}
	return nil
}

func printFaults(out io.Writer, path, format string, faults config.Faults) error {
	if format == "json" {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(map[string]config.Faults{"faults": append(config.Faults{}, faults...)})
	}
	text := path + ": no faults"
	if len(faults) > 0 {
		text = faults.Error()
	}
	_, err := fmt.Fprintln(out, text)
	return err
}
