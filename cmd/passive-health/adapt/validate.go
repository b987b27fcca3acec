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
		words := strings.ReplaceAll(strings.TrimSpace(string(out)), file.Name(), "the file")
		return fmt.Errorf("%s (%w)", words, err)
	}
	return nil
}
