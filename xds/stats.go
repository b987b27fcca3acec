package xds

// Stats are counts since the process began, and gauges of now.
type Stats struct {
	Streams   int               // now open
	Pushes    map[string]uint64 // resources sent to proxies, by EDS service name
	Acks      uint64            // resources that proxies confirmed
	Nacks     map[string]uint64 // resources in responses that proxies refused, by EDS service name
	Untracked uint64            // streams of proxies beyond Options.MaxNodes: served, but not in Proxies
	Faults    uint64            // clusters that Publish could not publish, counted at each try
}

// Proxies returns who is connected, sorted by node and at most Options.MaxNodes. The result is the caller's.
func (s *Server) Proxies() []Proxy { return s.proxies.list() }

// Stats returns the counts. The result is the caller's.
func (s *Server) Stats() Stats {
	stats := s.proxies.stats()
	s.mu.Lock()
	defer s.mu.Unlock()
	stats.Faults = s.faults
	return stats
}
