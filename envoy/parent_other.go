//go:build !linux

package envoy

import "syscall"

// DieWithParent leaves a process in our process group: where the kernel cannot end it with us, a Ctrl-C on the terminal
// at least reaches it too.
func DieWithParent() *syscall.SysProcAttr { return nil }
