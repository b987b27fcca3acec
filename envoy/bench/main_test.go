//go:build bench

package bench

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/envoy-passive-health/passive-health/envoy/envoytest"
)

// program is the service, built when it is first needed.
var program envoytest.Program

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "passive-health-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = envoytest.NewProgram(context.Background(), dir)
	return m.Run()
}
