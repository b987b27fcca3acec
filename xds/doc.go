// Package xds is the actuator: it tells every connected Envoy which hosts to use and which to leave alone.
//
// Values come in as health.Snapshot and go out as ClusterLoadAssignments (CLAs), one per cluster: over delta EDS, which is
// what Envoy should use, and over state-of-the-world (SotW) EDS; on a stream of their own or inside ADS.
//
//	SetClusters, Publish --> CLAs, checked and compared --> cache.LinearCache --> one stream per subscription
//	                                                                                  |
//	Proxies, Stats, Watcher <-- sent, ACKed, NACKed, per stream and proxy <-----------'
//
// Two things must never happen, and both are refused before anything is published: a CLA without hosts, which is an
// outage in every Envoy at once, and a CLA that Envoy would NACK, because Envoy then keeps the old one in silence.
//
// A proxy that does not read, ACK or accept what it is sent holds up nobody else: one push per stream is outstanding at
// a time, and the next one carries the latest state.
package xds
