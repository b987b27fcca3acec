//go:build unix

package upstream

import (
	"io"
	"net/netip"
	"os"
	"syscall"
)

// holdPort keeps a port without listening on it: connections are refused, and nobody else gets the port. A port that is
// merely closed may be the next test's, and then answers.
func holdPort(addr netip.AddrPort) (io.Closer, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	syscall.CloseOnExec(fd)
	socket := os.NewFile(uintptr(fd), "held port")
	err = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1) // connections of before may linger
	if err == nil {
		err = syscall.Bind(fd, &syscall.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()})
	}
	if err != nil {
		_ = socket.Close()
		return nil, os.NewSyscallError("hold a port", err)
	}
	return socket, nil
}
