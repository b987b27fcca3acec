//go:build unix

package upstream

import (
	"net"
	"os"
	"strconv"
	"syscall"
)

// listenWithoutQueue listens on a free port of 127.0.0.1 with the shortest queue the kernel has; package net always
// asks for the longest.
func listenWithoutQueue() (socket *os.File, addr string, err error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		return nil, "", os.NewSyscallError("socket", err)
	}
	syscall.CloseOnExec(fd)
	socket = os.NewFile(uintptr(fd), "hole")
	addr, err = listen(fd)
	if err != nil {
		_ = socket.Close()
		return nil, "", err
	}
	return socket, addr, nil
}

func listen(fd int) (addr string, err error) {
	loopback := &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	if err := syscall.Bind(fd, loopback); err != nil {
		return "", os.NewSyscallError("bind", err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		return "", os.NewSyscallError("listen", err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		return "", os.NewSyscallError("getsockname", err)
	}
	port := 0
	if inet, ok := name.(*syscall.SockaddrInet4); ok {
		port = inet.Port
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), nil
}
