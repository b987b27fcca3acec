package envoytest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Program returns the path of the built service.
type Program func() (path string, err error)

// Main runs a package's tests, for its TestMain: program is the service, built when a test first needs it and gone
// afterwards. The result is the exit code.
func Main(m *testing.M, program *Program) (code int) {
	dir, err := os.MkdirTemp("", "passive-health-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	*program = NewProgram(context.Background(), dir) // as long as the tests run: there is no context before them
	return m.Run()
}

const programPackage = "github.com/envoy-passive-health/passive-health/cmd/passive-health"

// NewProgram returns a Program that is built into a folder when a test first needs it, with the race detector if the
// tests have it.
func NewProgram(ctx context.Context, dir string) Program {
	return sync.OnceValues(func() (string, error) {
		if err := showSources(ctx); err != nil {
			return "", err
		}
		path := filepath.Join(dir, "passive-health")
		args := []string{"build", "-o", path}
		if raced() {
			args = append(args, "-race")
		}
		_, err := goTool(ctx, append(args, programPackage)...)
		return path, err
	})
}

// showSources reads the program's folders, so that Go's cache of test results, which knows what a test has read but
// not what it has built, sees them change.
func showSources(ctx context.Context) error {
	const ours = "{{with .Module}}{{if .Main}}{{$.Dir}}{{end}}{{end}}"
	dirs, err := goTool(ctx, "list", "-deps", "-f", ours, programPackage)
	if err != nil {
		return err
	}
	for dir := range strings.FieldsSeq(dirs) {
		if _, err := os.ReadDir(dir); err != nil {
			return fmt.Errorf("reading the service's sources: %w", err)
		}
	}
	return nil
}

func raced() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

func goTool(ctx context.Context, args ...string) (output string, err error) {
	out, err := exec.CommandContext(ctx, "go", args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building the service: go %s: %w\n%s", args[0], err, out)
	}
	return string(out), nil
}
