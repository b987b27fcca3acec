package config

import (
	"net"
	"net/netip"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Admin says who may use the admin listener.
type Admin struct {
	TokenFile  string   // holds the bearer token that writes need; empty for none
	AllowReads bool     // reads need no token
	ReadOnly   bool     // nobody writes
	Hosts      []string // names by which the listener may be called, beside localhost and addresses
}

func (d *decoder) admin(n *yaml.Node, path string, a *Admin) {
	d.object(n, path, map[string]field{
		"token_file":  d.text(&a.TokenFile, 0, maxPath),
		"allow_reads": d.truth(&a.AllowReads),
		"read_only":   d.truth(&a.ReadOnly),
		"hosts": func(n *yaml.Node, path string) {
			d.list(n, path, func(n *yaml.Node, path string) {
				var name string
				d.text(&name, 1, maxName)(n, path)
				a.Hosts = append(a.Hosts, name)
			})
		},
	})
}

// checkAdmin refuses an admin listener that anybody could write to.
func (d *decoder) checkAdmin(n *yaml.Node, c *Config) {
	if c.Admin.TokenFile == "" && !c.Admin.ReadOnly && !isPrivate(c.Listen.Admin) {
		d.faultf(valueOf(valueOf(n, "listen"), "admin"), "listen.admin", "%s is reachable from other machines, and whoever reaches it "+
			"could eject hosts: name a file with a bearer token in admin.token_file, or set admin.read_only", c.Listen.Admin)
	}
}

// isPrivate says whether only this machine reaches a listener.
func isPrivate(address string) bool {
	if strings.HasPrefix(address, "unix:") {
		return true
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil || host == "localhost" {
		return err == nil
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
