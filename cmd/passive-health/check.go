package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/config"
	"github.com/envoy-passive-health/passive-health/cmd/passive-health/traps"
)

// errFaults ends `check` when there are faults. They have been printed; the exit code is 1.
var errFaults = errors.New("the configuration has faults")

func checkCommand() *cobra.Command {
	var c checking
	cmd := &cobra.Command{
		Use:   "check --config FILE [--envoy FILE]",
		Short: "Check a configuration, and an Envoy's beside it, and say every fault",
		Long: "Check a configuration and say every fault in it, a line each: file:line:column: path: what is wrong and what is " +
			"allowed. With --envoy, find also what in that Envoy's configuration would silently keep verdicts from taking " +
			"effect. The exit code is 1 if there is a fault or an error, 2 if a file cannot be read; warnings do not count.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.run(cmd.OutOrStdout()) },
	}
	cmd.Flags().StringVar(&c.config, "config", "passive-health.yaml", "the configuration `file`")
	cmd.Flags().StringVar(&c.envoy, "envoy", "", "an Envoy's configuration `file`")
	cmd.Flags().StringVarP(&c.format, "output", "o", "text", "text or json")
	return cmd
}

// checking is one run of the verb.
type checking struct{ config, envoy, format string }

// report is what it found.
type report struct {
	Faults config.Faults   `json:"faults"`
	Traps  []traps.Finding `json:"traps"`
}

func (c *checking) run(out io.Writer) error {
	if c.format != "text" && c.format != "json" {
		return unable{fmt.Errorf("--output: %q is not text or json", c.format)}
	}
	r := report{Faults: config.Faults{}, Traps: []traps.Finding{}}
	loaded, err := config.Load(c.config)
	faults, ok := errors.AsType[config.Faults](err)
	switch {
	case ok:
		r.Faults = faults
	case err != nil:
		return unable{err}
	case c.envoy != "":
		if r.Traps, err = c.findTraps(loaded); err != nil {
			return unable{err}
		}
	}
	if err := c.print(out, &r); err != nil {
		return err
	}
	if len(r.Faults) > 0 || slices.ContainsFunc(r.Traps, func(f traps.Finding) bool { return f.Severity == traps.Error }) {
		return errFaults
	}
	return nil
}

func (c *checking) findTraps(loaded *config.Config) ([]traps.Finding, error) {
	data, err := os.ReadFile(c.envoy)
	if err != nil {
		return nil, fmt.Errorf("--envoy: %w", err)
	}
	found, err := traps.Find(c.envoy, data, loaded)
	return append([]traps.Finding{}, found...), err
}

func (c *checking) print(out io.Writer, r *report) error {
	if c.format == "json" {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(r)
	}
	if len(r.Faults) > 0 {
		_, err := fmt.Fprintln(out, r.Faults.Error())
		return err
	}
	fmt.Fprintf(out, "%s: no faults\n", c.config)
	for _, trap := range r.Traps {
		fmt.Fprintln(out, trap)
	}
	if c.envoy != "" && len(r.Traps) == 0 {
		fmt.Fprintf(out, "%s: no traps\n", c.envoy)
	}
	return nil
}
