package adapt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Validate asks an Envoy whether it would start with a configuration; ext is the configuration's file name ending,
// which tells Envoy the format. The error holds Envoy's own words. Relative paths are looked up from the working
// directory, as Envoy does.
func Validate(ctx context.Context, binary, ext string, config []byte) error {
	file, err := os.CreateTemp("", "adapted-*"+ext)
	if err != nil {
		return fmt.Errorf("validate: %w", err)
	}
	defer func() { _ = os.Remove(file.Name()) }()
	_, err = file.Write(config)
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("validate: %w", err)
	}
	out, err := exec.CommandContext(ctx, binary, "--mode", "validate", "-l", "critical", "-c", file.Name()).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s (%w)", complaint(string(out), file.Name()), err)
	}
	return nil
}

// complaint takes Envoy's reason out of its log line, and out of the reason the whole configuration, which it repeats
// in JSON.
func complaint(log, file string) string {
	if _, reason, found := strings.Cut(log, "error initializing configuration '"+file+"': "); found {
		log = reason
	}
	reason, _, _ := strings.Cut(log, ": {\"")
	return strings.TrimSpace(strings.ReplaceAll(reason, file, "the file"))
}
