package health

import (
	"encoding/binary"
	"hash/fnv"
	"time"
)

// backoff remembers a host's recent ejections: each one doubles the next time out, each window without an error in
// rotation halves it again.
type backoff struct {
	level int       // doublings that the next ejection gets
	clean time.Time // since when the host has been in full rotation without an error; zero while it is not
}

// maxBackoff bounds the doublings: RecoveryTimeMax is reached long before.
const maxBackoff = 30

// remembered returns the level, less one for each whole window that was clean up to now.
func (b *backoff) remembered(now time.Time, span time.Duration) int {
	if b.clean.IsZero() {
		return b.level
	}
	return max(b.level-int(min(now.Sub(b.clean)/span, maxBackoff)), 0)
}

// dirty begins a new clean period, after an error at now.
func (b *backoff) dirty(now time.Time, span time.Duration) {
	b.level = b.remembered(now, span)
	if !b.clean.IsZero() {
		b.clean = now
	}
}

// timeOut returns how long the ejection that begins now lasts, without jitter, and counts it.
func (b *backoff) timeOut(p *Policy) time.Duration {
	d := p.RecoveryTime
	for range b.level {
		d = min(2*d, p.RecoveryTimeMax)
	}
	if d < p.RecoveryTimeMax && b.level < maxBackoff {
		b.level++
	}
	b.clean = time.Time{}
	return d
}

// jitter draws up to percent of d. The draw is seeded with the host and the instant, both of which the event
// carries: whoever folds the same event draws the same, and two hosts ejected together come back apart.
func jitter(d time.Duration, percent int, h Host, now time.Time) time.Duration {
	if percent == 0 {
		return 0
	}
	seed := fnv.New64a()
	seed.Write([]byte(h.Cluster))
	address, _ := h.Address.MarshalBinary() // it cannot fail: netip documents a nil error
	seed.Write(address)
	seed.Write(binary.BigEndian.AppendUint64(nil, uint64(now.UnixNano())))
	const steps = 1 << 20
	return time.Duration(float64(d) * float64(percent) / 100 * float64(mix(seed.Sum64())%steps) / steps)
}

// mix spreads FNV's last bits over the whole word (the finalizer of MurmurHash3).
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
