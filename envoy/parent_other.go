//go:build !linux

package envoy

import "syscall"

// dieWithParent leaves Envoy in our process group: where the kernel cannot end it with us, a Ctrl-C on the terminal at
// least reaches it too.
func dieWithParent() *syscall.SysProcAttr { return nil }
