package xds

import "time"

// Watcher is told what happens to the proxies, as it happens. Its methods are called on the streams' goroutines, several
// at a time, with no lock held; a slow one delays that proxy's stream only.
type Watcher interface {
	OnConnect(node string)                                          // its first stream
	OnGone(node string)                                             // its last stream ended
	OnAck(node, serviceName, version string, latency time.Duration) // latency since the push
	OnNack(node, serviceName, text string)                          // text is Envoy's, cut to 1 KiB
}

// nobody is the Watcher of those who do not watch.
type nobody struct{}

func (nobody) OnConnect(string)                            {}
func (nobody) OnGone(string)                               {}
func (nobody) OnAck(string, string, string, time.Duration) {}
func (nobody) OnNack(string, string, string)               {}
