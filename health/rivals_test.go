package health

import "time"

// rival is another system's rules, as its documentation describes them, for one cluster of hosts 0 to n-1.
type rival interface {
	name() string
	advance(now time.Duration)
	record(now time.Duration, host int, failed bool)
	check(now time.Duration, host int, good bool) // an active check's result
	isOut(host int) bool
}

// ours is this package.
type ours struct {
	*Tracker

	hidden *[]hiddenError
}

// hiddenError is an error that a load report is going to show.
type hiddenError struct {
	due  time.Duration
	host int
}

// hide lets a load report show an error, at the latest that it may: two intervals after it happened.
func (o ours) hide(now time.Duration, host int) {
	*o.hidden = append(*o.hidden, hiddenError{now.Truncate(time.Second) + 2*time.Second, host})
}

func newOurs(hosts int) rival {
	p := DefaultPolicy()
	p.RecoveryJitter = 0 // so that the table is the same in every run
	t := NewTracker()
	t.SetClusters(start, []Cluster{{Name: "web", Policy: p, Members: members(hosts)}})
	return ours{t, &[]hiddenError{}}
}

func (ours) name() string                   { return "passive-health" }
func (ours) check(time.Duration, int, bool) {}
func (o ours) isOut(host int) bool          { return o.hosts[web(host+1)].isOut() }

func (o ours) advance(now time.Duration) {
	for len(*o.hidden) > 0 && (*o.hidden)[0].due <= now {
		e := (*o.hidden)[0]
		*o.hidden = (*o.hidden)[1:]
		o.Record(start.Add(e.due), Observation{Host: web(e.host + 1), Outcome: Hidden})
	}
	o.Advance(start.Add(now))
}

func (o ours) record(now time.Duration, host int, failed bool) {
	status := 200
	if failed {
		status = 503
	}
	o.Record(start.Add(now), Observation{Host: web(host + 1), Status: status, Requests: 1})
}

// sweeper is what Envoy and gRPC share: ejections end at a sweep, and last longer each time.
type sweeper struct {
	hosts []swept
	next  time.Duration // sweep
}

type swept struct {
	out        bool
	since      time.Duration
	back       time.Duration // when it last came back
	multiplier int
	errors     int // in a row, or in this interval
	requests   int // in this interval
}

const (
	sweepInterval = 10 * time.Second
	baseEjection  = 30 * time.Second
	maxEjection   = 300 * time.Second
)

func (s *sweeper) isOut(host int) bool          { return s.hosts[host].out }
func (*sweeper) check(time.Duration, int, bool) {}
func (s *sweeper) eject(host int, now time.Duration) {
	h := &s.hosts[host]
	h.out, h.since = true, now
	if time.Duration(h.multiplier)*baseEjection < maxEjection {
		h.multiplier++
	}
}

func (s *sweeper) outs() (n int) {
	for i := range s.hosts {
		n += btoi(s.hosts[i].out)
	}
	return n
}

// sweep brings back whose time is over, and lets the others' multipliers decay.
func (s *sweeper) sweep(now time.Duration) {
	for i := range s.hosts {
		h := &s.hosts[i]
		switch {
		case h.out && now-h.since >= min(time.Duration(h.multiplier)*baseEjection, maxEjection):
			h.out, h.back, h.errors = false, now, 0
		case !h.out && h.multiplier > 0 && now-h.back >= sweepInterval:
			h.multiplier--
		}
	}
}

// envoyDetection is Envoy's outlier detection, consecutive_5xx at its default of 5 and a cap as given. The success
// rate's detector is left out: its default needs five hosts and a hundred requests each in ten seconds.
type envoyDetection struct {
	sweeper

	cap int
}

func newEnvoy(percent int) func(int) rival {
	return func(hosts int) rival {
		return &envoyDetection{sweeper{hosts: make([]swept, hosts), next: sweepInterval}, percent}
	}
}

func (e *envoyDetection) name() string {
	if e.cap == 10 {
		return "Envoy, defaults"
	}
	return "Envoy, max_ejection_percent 50"
}

func (e *envoyDetection) advance(now time.Duration) {
	for ; e.next <= now; e.next += sweepInterval {
		e.sweep(e.next)
	}
}

func (e *envoyDetection) record(now time.Duration, host int, failed bool) {
	h := &e.hosts[host]
	switch {
	case h.out:
	case !failed:
		h.errors = 0
	default:
		if h.errors++; h.errors == 5 {
			h.errors = 0 // also when the cap refuses
			if 100*(e.outs()+1) <= e.cap*len(e.hosts) {
				e.eject(host, now)
			}
		}
	}
}

// grpcDetection is gRPC's failure_percentage_ejection (A50) at its defaults: 85 percent of at least 50 requests in an
// interval, on at least 5 hosts, and no more ejected once 10 percent are out.
type grpcDetection struct{ sweeper }

func newGRPC(hosts int) rival {
	return &grpcDetection{sweeper{hosts: make([]swept, hosts), next: sweepInterval}}
}

func (*grpcDetection) name() string { return "gRPC A50" }

func (g *grpcDetection) record(_ time.Duration, host int, failed bool) {
	g.hosts[host].requests++
	g.hosts[host].errors += btoi(failed)
}

func (g *grpcDetection) advance(now time.Duration) {
	for ; g.next <= now; g.next += sweepInterval {
		g.detect(g.next)
		g.sweep(g.next)
	}
}

func (g *grpcDetection) detect(now time.Duration) {
	const percent, volume, hosts, most = 85, 50, 5, 10
	enough := 0
	for i := range g.hosts {
		enough += btoi(g.hosts[i].requests >= volume)
	}
	for i := range g.hosts {
		h := &g.hosts[i]
		failing := h.requests >= volume && 100*h.errors > percent*h.requests
		if !h.out && failing && enough >= hosts && 100*g.outs() < most*len(g.hosts) {
			g.eject(i, now)
		}
	}
	for i := range g.hosts {
		g.hosts[i].requests, g.hosts[i].errors = 0, 0
	}
}

// haproxy is observe layer7 with error-limit 10 and on-error mark-down; rise 2 good checks, one each 2 s, bring a server back.
type haproxy struct{ servers []haproxyServer }

type haproxyServer struct {
	down   bool
	errors int // in a row
	good   int // checks in a row
}

func newHAProxy(hosts int) rival { return &haproxy{make([]haproxyServer, hosts)} }

func (*haproxy) name() string          { return "HAProxy observe" }
func (*haproxy) advance(time.Duration) {}
func (p *haproxy) isOut(host int) bool { return p.servers[host].down }

func (p *haproxy) record(_ time.Duration, host int, failed bool) {
	s := &p.servers[host]
	if !failed {
		s.errors = 0
		return
	}
	if s.errors++; s.errors >= 10 {
		*s = haproxyServer{down: true}
	}
}

func (p *haproxy) check(_ time.Duration, host int, good bool) {
	s := &p.servers[host]
	if !good {
		s.good = 0
		return
	}
	if s.good++; s.down && s.good >= 2 {
		*s = haproxyServer{}
	}
}
