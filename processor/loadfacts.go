package processor

import (
	"errors"
	"math"
	"net/netip"

	"google.golang.org/protobuf/encoding/protowire"
)

var errMalformedReport = errors.New("malformed LoadStatsRequest")

// LoadReport is what one LoadStatsRequest says, as far as we want to know. Its names are parts of the message: they
// are valid as long as the message's bytes are. It may be used again for the next message.
type LoadReport struct {
	Clusters []ClusterLoad
	// Fingerprint is the same for the same report, and very likely another for another one: each says to the microsecond
	// how long it took. 0 for a report in which nothing has finished.
	Fingerprint uint64

	finished bool
}

// ClusterLoad is what a report says of one cluster.
type ClusterLoad struct {
	Name    []byte
	Dropped uint64 // requests for which no host could be used, for lack of room
	Hosts   []HostLoad
}

// HostLoad is what a report says of one host. Requests in progress are in neither number.
type HostLoad struct {
	Address   netip.AddrPort // not valid if the host is not ip:port
	Succeeded int
	Failed    int
}

// maxLoad bounds the numbers of a HostLoad: more than a host can finish within an interval.
const maxLoad = 1 << 24

// ReadLoadReport reads the bytes of a LoadStatsRequest into r. It merges repeated fields as protobuf does, and returns an
// error for what protobuf refuses outside the node, which is skipped: it is 50 to 60 KB in every report and says
// nothing new. It allocates nothing once r has been as large.
func ReadLoadReport(raw []byte, r *LoadReport) error {
	*r = LoadReport{Clusters: r.Clusters[:0]}
	if !sound(raw, loadReport, maxDepth) {
		return errMalformedReport
	}
	for c := (cursor{rest: raw}); c.next(); {
		if c.is(2, protowire.BytesType) {
			r.readCluster(c.bytes)
		}
	}
	if !r.finished {
		r.Fingerprint = 0
	}
	return nil
}

// ReadReporter returns the node's id in a LoadStatsRequest, empty if there is none.
func ReadReporter(raw []byte) (id []byte, err error) {
	c := cursor{rest: raw}
	for c.next() {
		if !c.is(1, protowire.BytesType) {
			continue
		}
		node := cursor{rest: c.bytes}
		for node.next() {
			if node.is(1, protowire.BytesType) {
				id = node.bytes
			}
		}
		if node.bad {
			return nil, errMalformedReport
		}
	}
	if c.bad {
		return nil, errMalformedReport
	}
	return id, nil
}

// grow adds an element to s, and returns it as it last was if there once was one.
func grow[T any](s *[]T) *T {
	if len(*s) < cap(*s) {
		*s = (*s)[:len(*s)+1]
	} else {
		*s = append(*s, *new(T))
	}
	return &(*s)[len(*s)-1]
}

func (r *LoadReport) readCluster(b []byte) {
	l := grow(&r.Clusters)
	*l = ClusterLoad{Hosts: l.Hosts[:0]}
	for c := (cursor{rest: b}); c.next(); {
		switch {
		case c.is(1, protowire.BytesType):
			l.Name = c.bytes
		case c.is(2, protowire.BytesType):
			r.readLocality(c.bytes, l)
		case c.is(3, protowire.VarintType):
			l.Dropped = c.number
		case c.is(4, protowire.BytesType): // load_report_interval
			for d := (cursor{rest: c.bytes}); d.next(); {
				r.mix(d.number)
			}
		}
	}
}

func (r *LoadReport) readLocality(b []byte, l *ClusterLoad) {
	for c := (cursor{rest: b}); c.next(); {
		if c.is(7, protowire.BytesType) {
			host := grow(&l.Hosts)
			*host = readHost(c.bytes)
			r.finished = r.finished || host.Succeeded > 0 || host.Failed > 0
			r.mix(uint64(host.Address.Port()))
			r.mix(uint64(host.Succeeded)) //nolint:gosec // not negative
			r.mix(uint64(host.Failed))    //nolint:gosec // as above
		}
	}
}

// mix adds a number to the fingerprint (FNV-1a, a number at a time).
func (r *LoadReport) mix(n uint64) {
	const prime = 1099511628211
	r.Fingerprint = (r.Fingerprint ^ (n + 1)) * prime
}

func readHost(b []byte) (h HostLoad) {
	var a addressFacts
	for c := (cursor{rest: b}); c.next(); {
		switch {
		case c.is(1, protowire.BytesType):
			a.read(c.bytes)
		case c.is(2, protowire.VarintType):
			h.Succeeded = int(min(c.number, maxLoad))
		case c.is(4, protowire.VarintType):
			h.Failed = int(min(c.number, maxLoad))
		}
	}
	h.Address, _ = addressOf(alias(a.address), uint64(a.port))
	return h
}

// addressFacts is a core.v3.Address, as far as it is a socket's.
type addressFacts struct {
	address []byte
	port    uint32
	socket  bool // and not a pipe or an internal listener
}

func (a *addressFacts) read(b []byte) {
	for c := (cursor{rest: b}); c.next(); {
		if c.typ != protowire.BytesType || c.num > 3 {
			continue
		}
		if socket := c.num == 1; !socket || !a.socket {
			*a = addressFacts{socket: socket} // another member of the oneof takes the place of the one before
		}
		if a.socket {
			a.readSocket(c.bytes)
		}
	}
}

func (a *addressFacts) readSocket(b []byte) {
	for c := (cursor{rest: b}); c.next(); {
		switch {
		case c.is(2, protowire.BytesType):
			a.address = c.bytes
		case c.is(3, protowire.VarintType):
			a.port = uint32(c.number) //nolint:gosec // the low 32 bits, as protobuf has it
		case c.is(4, protowire.BytesType):
			a.port = 0 // a named port
		}
	}
}

// addressOf returns the address that health.ParseAddress would read from "ip:port".
func addressOf(ip string, port uint64) (address netip.AddrPort, ok bool) {
	parsed, err := netip.ParseAddr(ip)
	if err != nil || parsed.Zone() != "" || port == 0 || port > math.MaxUint16 {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(parsed.Unmap(), uint16(port)), true
}
