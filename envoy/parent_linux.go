package envoy

import "syscall"

// DieWithParent has the kernel end a process when we are killed, and keeps a Ctrl-C on the terminal from it: we are to
// stop it, in our order.
func DieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
