//go:build !unix

package upstream

import (
	"io"
	"net/netip"
)

// holdPort holds nothing here: a host that refuses may lose its port.
func holdPort(netip.AddrPort) (io.Closer, error) { return io.NopCloser(nil), nil }
