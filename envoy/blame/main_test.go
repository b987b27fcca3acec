package blame_test

import (
	"os"
	"testing"

	"github.com/envoy-passive-health/passive-health/envoy/envoytest"
)

// program is the real one.
var program envoytest.Program

func TestMain(m *testing.M) { os.Exit(envoytest.Main(m, &program)) }
