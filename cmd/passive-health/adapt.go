package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/adapt"
	"github.com/envoy-passive-health/passive-health/envoy"
)

// errChangeDue ends `adapt --check` when there is something to change. The diff has been printed; the exit code is 1.
var errChangeDue = errors.New("a change is due")

// adaptFlags are the flags of `adapt` that do not say how to adapt.
type adaptFlags struct {
	dir              string
	inPlace, isCheck bool
}

// adaptCommand returns the verb that fits a user's own Envoy configuration with the service.
func adaptCommand() *cobra.Command {
	var options adapt.Options
	var flags adaptFlags
	command := &cobra.Command{
		Use:   "adapt FILE",
		Short: "Fit your own Envoy configuration with passive-health",
		Long: `Print, as a diff, what makes the Envoy configuration FILE work with passive-health, and the passive-health.yaml
that goes with it. Nothing is written without -w or -o. Comments, order and layout of FILE stay as they are, and what
cannot be adapted is left alone and said. Run it again and there is nothing to do.`,
		Args: cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			return runAdapt(command.Context(), args[0], options, flags, command.OutOrStdout(), command.ErrOrStderr())
		},
	}
	f := command.Flags()
	f.StringVarP(&flags.dir, "output", "o", "", "write both files to this folder, instead of printing a diff")
	f.BoolVarP(&flags.inPlace, "write", "w", false, "change FILE, keeping the original as FILE.bak, and write passive-health.yaml beside it")
	f.BoolVar(&flags.isCheck, "check", false, "exit with 1 when a change is due")
	f.StringArrayVar(&options.Clusters, "cluster", nil, "take this cluster only (repeatable); default: all that routes of FILE lead to")
	f.BoolVar(&options.ObserveOnly, "observe-only", false, "add the sensor only: no cluster is touched, no host taken out")
	f.StringVar((*string)(&options.Sensor), "sensor", string(adapt.SensorDefault), "default, all-responses, retries or grpc")
	f.StringVar((*string)(&options.Fallback), "fallback", string(adapt.FallbackNone),
		"none, or aggregate: the original hosts serve while the service has not been reached")
	f.StringVar(&options.Address, "address", "passive-health", "name or IP at which Envoy reaches the service")
	command.MarkFlagsMutuallyExclusive("output", "write", "check")
	return command
}

func runAdapt(ctx context.Context, path string, options adapt.Options, flags adaptFlags, out, warnings io.Writer) error {
	in, err := adaptInput(path, flags.dir)
	if err != nil {
		return unable{err}
	}
	result, err := adapt.Adapt(in, options)
	for _, note := range result.Notes {
		fmt.Fprintln(warnings, note)
	}
	if err != nil {
		return refused(err, out)
	}
	if !result.Changed() && flags.dir == "" {
		return nil
	}
	validateAdapted(ctx, path, result.Envoy, warnings)
	switch {
	case flags.dir != "":
		return writeAdapted(result, filepath.Join(flags.dir, filepath.Base(path)), in.ConfigName)
	case flags.inPlace:
		return adaptInPlace(result, path, in.ConfigName, warnings)
	}
	fmt.Fprint(out, result.Envoy.Diff(), result.Config.Diff())
	if flags.isCheck {
		return errChangeDue
	}
	return nil
}

// refused prints what a refusal has for whoever owns the clusters. Any other error means that adapt could not run.
func refused(err error, out io.Writer) error {
	refusal, ok := errors.AsType[*adapt.Refusal](err)
	if !ok {
		return unable{err}
	}
	fmt.Fprint(out, refusal.Handover)
	return err
}

// adaptInput reads the file, and the passive-health.yaml that is where the new one would go.
func adaptInput(path, dir string) (adapt.Input, error) {
	if dir == "" {
		dir = filepath.Dir(path)
	} else if sameFolder(dir, filepath.Dir(path)) {
		return adapt.Input{}, fmt.Errorf("-o %s is the folder of %s itself: use -w, which keeps a backup", dir, path)
	}
	in := adapt.Input{EnvoyName: path, ConfigName: filepath.Join(dir, "passive-health.yaml")}
	var err error
	if in.Envoy, err = os.ReadFile(path); err != nil {
		return in, err
	}
	if in.Config, err = os.ReadFile(in.ConfigName); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return in, err
	}
	return in, nil
}

func sameFolder(a, b string) bool {
	first, err := os.Stat(a)
	if err != nil {
		return false // it will be made
	}
	second, err := os.Stat(b)
	return err == nil && os.SameFile(first, second)
}

// validateAdapted says what Envoy itself thinks of the result. It only informs: certificates and other files that the
// configuration names are often not on the machine where it is edited.
func validateAdapted(ctx context.Context, path string, file adapt.File, warnings io.Writer) {
	binary, err := envoy.Binary(ctx)
	if err != nil {
		fmt.Fprintln(warnings, "not validated:", err)
		return
	}
	if err := adapt.Validate(ctx, binary, filepath.Ext(path), file.New()); err != nil {
		fmt.Fprintf(warnings, "%s: when adapted, Envoy says: %v\n", path, err)
	}
}

// adaptInPlace writes the two files and keeps what it overwrites.
func adaptInPlace(result adapt.Result, path, config string, warnings io.Writer) error {
	for _, file := range []adapt.File{result.Envoy, result.Config} {
		if len(file.Edits) == 0 || file.Old == nil {
			continue
		}
		backup, err := backUp(file)
		if err != nil {
			return fmt.Errorf("backup: %w", err)
		}
		fmt.Fprintf(warnings, "%s: the original is kept as %s\n", file.Name, backup)
	}
	return writeAdapted(result, path, config)
}

// backUp writes a file's old content to FILE.bak, or, where that is taken, to FILE.bak2 and so on: each rung of the
// ladder keeps the one before.
func backUp(file adapt.File) (name string, err error) {
	for n := 1; ; n++ {
		name = file.Name + ".bak"
		if n > 1 {
			name += strconv.Itoa(n)
		}
		backup, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		_, err = backup.Write(file.Old)
		return name, errors.Join(err, backup.Close())
	}
}

// readable is the mode of new files: Envoy often runs as another user.
const readable = 0o644

// writeAdapted writes the two files, the service's first: an Envoy that reloads at once finds its hosts.
func writeAdapted(result adapt.Result, path, config string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // see readable
		return err
	}
	if len(result.Config.Edits) > 0 {
		if err := os.WriteFile(config, result.Config.New(), readable); err != nil {
			return err
		}
	}
	return os.WriteFile(path, result.Envoy.New(), readable)
}
