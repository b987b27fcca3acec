package config

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/envoy-passive-health/passive-health/health"
)

// Target is one configured host: an address, or a name that stands for all of its addresses.
type Target struct {
	Literal netip.AddrPort // valid if the host is an address
	Name    string         // the name otherwise, in lower case
	Port    uint16         // of the name
	Weight  uint32         // 1 to 128
	Zone    string
}

// String returns the target as it is configured, "10.0.0.1:8080" or "web-1:8080".
func (t Target) String() string {
	if t.Literal.IsValid() {
		return t.Literal.String()
	}
	return net.JoinHostPort(t.Name, strconv.Itoa(int(t.Port)))
}

// A host's weight. A larger one makes the hash rings of RING_HASH and MAGLEV large.
const (
	defaultWeight = 100
	maxWeight     = 128
)

// target reads a host: an address alone, or a mapping with its weight and zone.
func (d *decoder) target(n *yaml.Node, path string) (t Target, ok bool) {
	weight, address := defaultWeight, n
	if n.Kind == yaml.MappingNode {
		address = nil
		d.object(n, path, map[string]field{
			"address": func(n *yaml.Node, _ string) { address = n },
			"weight":  d.number(&weight, 1, maxWeight),
			"zone":    d.text(&t.Zone, 0, maxName),
		})
	}
	if address == nil {
		d.faultf(n, path+".address", "is missing: an address such as 10.0.0.1:8080, or a name such as web-1.internal:8080")
		return t, false
	}
	t.Weight = uint32(weight)
	if err := t.parse(address.Value); err != nil || address.Kind != yaml.ScalarNode {
		d.faultf(address, path, "%s is neither an address such as 10.0.0.1:8080 or [2001:db8::1]:8080 nor a name with a port, "+
			"such as web-1.internal:8080", describe(address))
		return t, false
	}
	return t, true
}

// parse reads "ip:port" or "name:port".
func (t *Target) parse(s string) error {
	if address, ok := health.ParseAddress(s); ok {
		t.Literal = address
		return nil
	}
	name, port, err := net.SplitHostPort(s)
	if err != nil {
		return fmt.Errorf("host %q: %w", s, err)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 || !isName(name) {
		return fmt.Errorf("host %q: port %q is not 1 to 65535, or %q is not a host name", s, port, name)
	}
	t.Name, t.Port = strings.ToLower(name), uint16(number)
	return nil
}

// isName says whether s may be a host name (RFC 1123, with the underscore that container networks use, and with the
// final dot that keeps search domains away). What looks like a misspelt address, digits and dots alone, is none.
func isName(s string) bool {
	const longest = 253
	s = strings.TrimSuffix(s, ".")
	for label := range strings.SplitSeq(s, ".") {
		if !isLabel(label) {
			return false
		}
	}
	return len(s) <= longest && strings.Trim(s, "0123456789.") != ""
}

func isLabel(s string) bool {
	const longest = 63
	for _, r := range s {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_', r == '-':
		default:
			return false
		}
	}
	return s != "" && len(s) <= longest && s[0] != '-' && s[len(s)-1] != '-'
}
