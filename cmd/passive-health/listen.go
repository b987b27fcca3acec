package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/config"
)

// listeners are the service's three doors. A test may bring its own.
type listeners struct{ extProc, xds, admin net.Listener }

// listenAll opens the doors that the configuration names, all or none.
func listenAll(ctx context.Context, c config.Listen) (listeners, error) {
	var l listeners
	var faults [3]error
	l.extProc, faults[0] = listen(ctx, "ext_proc", c.ExtProc)
	l.xds, faults[1] = listen(ctx, "xds", c.XDS)
	l.admin, faults[2] = listen(ctx, "admin", c.Admin)
	if err := errors.Join(faults[:]...); err != nil {
		l.close()
		return listeners{}, err
	}
	return l, nil
}

// close closes what is open, before anything was served on it.
func (l listeners) close() {
	for _, one := range []net.Listener{l.extProc, l.xds, l.admin} {
		if one != nil {
			_ = one.Close() // nothing was lost with it
		}
	}
}

// listen opens host:port or unix:/path. A socket that a process left behind is replaced, any other file is not.
func listen(ctx context.Context, key, address string) (net.Listener, error) {
	network := "tcp"
	path, isUnix := strings.CutPrefix(address, "unix:")
	if isUnix {
		network, address = "unix", path
		if info, err := os.Lstat(path); err == nil && info.Mode().Type() == fs.ModeSocket {
			_ = os.Remove(path) // if it stays, listening says so
		}
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, network, address)
	if err == nil && isUnix {
		err = os.Chmod(path, 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("listen.%s: %w", key, err)
	}
	return l, nil
}
