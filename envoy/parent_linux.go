package envoy

import "syscall"

// dieWithParent has the kernel end Envoy when we are killed, and keeps a Ctrl-C on the terminal from it: we are to
// stop it, in our order.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
