package health

import "time"

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
	b.requests += uint32(max(requests, 0)) //nolint:gosec // a report's count, far below the limit
	b.errors += uint32(max(errors, 0))     //nolint:gosec // as above
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
	return now.UnixNano() / max(int64(span)/volumeBuckets, 1)
}
