package config

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

func (d *decoder) listen(n *yaml.Node, path string, l *Listen) {
	d.object(n, path, map[string]field{
		"ext_proc": d.listener(&l.ExtProc), "xds": d.listener(&l.XDS), "admin": d.listener(&l.Admin),
	})
	if same(l.ExtProc, l.XDS) || same(l.ExtProc, l.Admin) || same(l.XDS, l.Admin) {
		d.faultf(n, path, "%s, %s and %s are not three different addresses", l.ExtProc, l.XDS, l.Admin)
	}
}

// same says whether two listeners would meet. With port 0 the kernel gives each a port of its own.
func same(a, b string) bool { return a == b && !strings.HasSuffix(a, ":0") }

// listener returns a field that reads the address of a listener.
func (d *decoder) listener(to *string) field {
	var address string
	read := d.text(&address, 1, maxPath)
	return func(n *yaml.Node, path string) {
		address = ""
		read(n, path)
		if address == "" {
			return
		}
		if err := checkListener(address); err != nil {
			d.faultf(n, path, "%s", err)
			return
		}
		*to = address
	}
}

// checkListener takes host:port, with a port of 0 to 65535, and unix:/path.
func checkListener(address string) error {
	const maxSocketPath = 107 // sun_path of unix(7), less its final zero
	path, isUnix := strings.CutPrefix(address, "unix:")
	if isUnix {
		if !strings.HasPrefix(path, "/") || len(path) > maxSocketPath {
			return fmt.Errorf("%q is not unix: and an absolute path of at most %d bytes", address, maxSocketPath)
		}
		return nil
	}
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("%q is not host:port, such as 127.0.0.1:18401, nor unix:/path", address)
	}
	return nil
}
