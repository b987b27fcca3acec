// Package upstream runs small real hosts that behave as badly as they are told to: for the demo, the compose example
// and the tests. [Start] runs an HTTP/1.1 host on raw TCP, so that it can reset, close early or send garbage;
// [StartGRPC] a gRPC one; [StartHTTP2] an HTTP/2 one that only fails; [StartHole] an address that never completes a
// connection.
package upstream
