package health

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// volumeBuckets is how finely a window's requests are counted. Errors are exact (see window); requests only feed a
// share of many, where an edge that is a tenth of the window wide does not matter.
const volumeBuckets = 10

// volume counts a host's requests and errors over the window, in buckets of a tenth of it. Buckets are numbered from
// the zero of the clock, so that two trackers that fold the same events agree on them.
type volume struct {
	buckets [volumeBuckets]volumeBucket
}

type volumeBucket struct {
	slot     int64 // the bucket's number; another number means that the bucket is old
	requests uint32
	errors   uint32
}

func (v *volume) add(now time.Time, span time.Duration, requests, errors int) {
	slot := volumeSlot(now, span)
	b := &v.buckets[uint64(slot)%volumeBuckets] //nolint:gosec // only the place matters
	if b.slot != slot {
		*b = volumeBucket{slot: slot}
	}
	b.requests = plus(b.requests, requests)
	b.errors = plus(b.errors, errors)
}

// plus adds a count that a report gives. It stops at the largest number: one that began anew would make the errors a
// larger share than they are.
func plus(sum uint32, n int) uint32 {
	return sum + uint32(min(max(n, 0), int(math.MaxUint32-sum)))
}

// begins is the instant at which the bucket with the given number begins.
func begins(slot int64, span time.Duration) time.Time {
	return time.Unix(0, slot*bucketWidth(span))
}

// moved returns the volume in the buckets of another window. What an old bucket holds is taken to have come at its
// beginning.
func (v *volume) moved(from, to time.Duration) volume {
	if from == to {
		return *v
	}
	var fresh volume
	for _, b := range v.sorted() {
		fresh.add(begins(b.slot, from), to, int(b.requests), int(b.errors))
	}
	return fresh
}

// sorted returns the buckets that hold something, oldest first.
func (v *volume) sorted() []volumeBucket {
	used := slices.DeleteFunc(slices.Clone(v.buckets[:]), func(b volumeBucket) bool { return b.slot == 0 })
	slices.SortFunc(used, func(a, b volumeBucket) int { return cmp.Compare(a.slot, b.slot) })
	return used
}

// sum returns the requests and errors of the window that ends at now. Where errors came in before the report that
// counts their requests, there are at least as many requests as errors.
func (v *volume) sum(now time.Time, span time.Duration) (requests, errors int) {
	newest := volumeSlot(now, span)
	for i := range v.buckets {
		if b := &v.buckets[i]; b.slot > newest-volumeBuckets && b.slot <= newest {
			requests += int(b.requests)
			errors += int(b.errors)
		}
	}
	return requests, errors
}

func volumeSlot(now time.Time, span time.Duration) int64 {
	return now.UnixNano() / bucketWidth(span)
}

func bucketWidth(span time.Duration) int64 { return max(int64(span)/volumeBuckets, 1) }
