package envoy_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/envoy-passive-health/passive-health/envoy"
	"github.com/envoy-passive-health/passive-health/envoy/envoytest"
)

// parentDir names, in the environment, the folder of the Envoy that this test program is to hold until it is killed.
const parentDir = "ENVOY_TEST_PARENT_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(parentDir); dir != "" {
		holdEnvoy(dir)
		return
	}
	os.Exit(m.Run())
}

// holdEnvoy starts an Envoy, tells its process id and waits to be killed.
func holdEnvoy(dir string) {
	config, err := envoy.Render(envoy.ErrorsOnly, envoy.Params{
		Admin: "127.0.0.1:0", Listener: "127.0.0.1:0", ExtProc: envoytest.Nowhere, XDS: envoytest.Nowhere,
	})
	if err != nil {
		fmt.Fprintln(os.Stdout, err)
		return
	}
	process, err := envoy.Start(context.Background(), envoy.Options{Config: config, Dir: dir})
	if err != nil {
		fmt.Fprintln(os.Stdout, err)
		return
	}
	fmt.Fprintln(os.Stdout, process.PID())
	<-process.Exited()
}

// A program that is killed cannot stop its Envoy; the kernel must.
func TestEnvoyDoesNotOutliveItsParent(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	parent := exec.CommandContext(t.Context(), self)
	parent.Env = append(os.Environ(), parentDir+"="+t.TempDir())
	stdout, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, readErr := bufio.NewReader(stdout).ReadString('\n')
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // "signal: killed"
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || readErr != nil {
		t.Fatalf("the parent started no Envoy: %q, %v", line, readErr)
	}
	t.Cleanup(func() {
		if alive(pid) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	envoytest.Until(t, 10*time.Second, "Envoy is gone with its parent", func() bool { return !alive(pid) })
}

// alive says whether a process runs; one that has ended and was not reaped does not.
func alive(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return false
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	_, after, _ := strings.Cut(string(stat), ") ")
	return err == nil && !strings.HasPrefix(after, "Z")
}
