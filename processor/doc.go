// Package processor holds the sensors: it turns what Envoys send into health.Observations.
//
// The ext_proc server takes one way through four files, each of which can be read alone:
//
//	codec.go  a gRPC message stays the bytes it came as
//	facts.go  bytes -> Facts: what one message says, merged and refused as protobuf would (wire.go)
//	observe.go  Facts -> health.Observation, or a Drop: the reason why no host is charged
//	exchange.go  one stream: what is recorded, what is answered, when it ends
//
// The first three are pure and allocate nothing. None of them knows the rules: whether an Observation is an error is
// for package health to say. Doubtful evidence charges nobody.
//
// Two more sensors come in by the same door:
//
//	loadreports.go  how many requests each host has finished and failed, once a second: volumes, and with
//	                account.go the failures that nothing else has shown (loadfacts.go reads them, ledger.go keeps
//	                an account for each Envoy, shown.go tells it what the other sensors show)
//	accesslog.go    an entry for each attempt (entry.go): resets after the headers, too
//
// Envoy runs the filter in one of two modes, and each message says in which. In observability mode nobody waits for
// us, and the stream is ended right after the message that is wanted: a stream that its server does not end, Envoy
// keeps for another five seconds. In ordinary mode a request waits for us, and every message gets its "continue".
package processor
