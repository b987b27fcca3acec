package envoy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ErrNoBinary means that there is no Envoy to run. Its text says how to supply one.
var ErrNoBinary = errors.New("no Envoy: run `make envoy` in a checkout, or set ENVOY=/path/to/envoy")

// Binary returns the path of the Envoy to run: $ENVOY (of any version), else one of the version that .envoy-version
// names, on the PATH or where `make envoy` puts it. Outside a checkout there is no such file, and any version on the
// PATH will do.
func Binary(ctx context.Context) (string, error) {
	if path := os.Getenv("ENVOY"); path != "" {
		return executable(path)
	}
	root, version := checkout()
	if path, err := exec.LookPath("envoy"); err == nil && hasVersion(ctx, path, version) {
		return path, nil
	}
	if version == "" {
		return "", ErrNoBinary
	}
	return executable(filepath.Join(root, ".tools", "envoy-"+version, "envoy", "_bin", "envoy"))
}

// checkout returns the nearest folder at or above the working directory that has a .envoy-version, and what that says.
func checkout() (root, version string) {
	dir, err := os.Getwd()
	if err != nil {
		return "", ""
	}
	for {
		if data, err := os.ReadFile(filepath.Join(dir, ".envoy-version")); err == nil {
			return dir, strings.TrimSpace(string(data))
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", ""
		}
		dir = parent
	}
}

func executable(path string) (string, error) {
	found, err := exec.LookPath(path)
	if err != nil {
		return "", fmt.Errorf("%w (%w)", ErrNoBinary, err)
	}
	return found, nil
}

// hasVersion asks the binary: `envoy --version` prints "version: <commit>/1.40.0/Clean/...".
func hasVersion(ctx context.Context, path, version string) bool {
	out, err := exec.CommandContext(ctx, path, "--version").Output()
	return err == nil && (version == "" || strings.Contains(string(out), "/"+version+"/"))
}
