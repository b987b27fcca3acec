package demo

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/envoy-passive-health/passive-health/envoy/load"
	"github.com/envoy-passive-health/passive-health/envoy/upstream"
	"github.com/envoy-passive-health/passive-health/health"
)

// settle is how long after the last error that was needed a request may still reach the host: it was on its way.
const settle = 250 * time.Millisecond

// facts are what happened to the host that the demo breaks. The times of verdicts are the service's.
type facts struct {
	host     site
	broken   time.Time
	ejected  time.Time
	until    time.Time // when it is due back, as told at the ejection
	returned time.Time
}

// acked counts the Envoys that have confirmed since the ejection.
func (f *facts) acked(proxies []proxyState) (n int) {
	for i := range proxies {
		if proxies[i].LastAck.After(f.ejected) {
			n++
		}
	}
	return n
}

// stray counts the requests that reached the host although it was out, from the instant until another.
func (f *facts) stray(journal []upstream.Request, until time.Time) (from time.Time, n int) {
	from = f.quietFrom(journal)
	return from, count(journal, from, until, 0)
}

// quietFrom is the instant from which nothing may reach the host: soon after the error that made the threshold full.
func (f *facts) quietFrom(journal []upstream.Request) time.Time {
	return nth(journal, f.broken, http.StatusServiceUnavailable, health.DefaultPolicy().ErrorThreshold).Add(settle)
}

// nth returns when the n-th request since an instant came that was answered with the status; zero if none did.
func nth(journal []upstream.Request, since time.Time, status, n int) time.Time {
	for _, r := range journal {
		if r.At.Before(since) || r.Status != status {
			continue
		}
		if n--; n == 0 {
			return r.At
		}
	}
	return time.Time{}
}

// count returns how many requests came in a time that were answered with the status, 0 for any.
func count(journal []upstream.Request, from, to time.Time, status int) (n int) {
	for _, r := range journal {
		if !r.At.Before(from) && r.At.Before(to) && (status == 0 || r.Status == status) {
			n++
		}
	}
	return n
}

// prove returns what did not happen as it should have, by the host's own journal and the marks that the Envoys show.
func (f *facts) prove(journal []upstream.Request, marks []string) error {
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf("%w: "+format, append([]any{ErrUnproven}, args...)...))
		}
	}
	_, stray := f.stray(journal, f.returned)
	check(stray == 0, "%d requests reached %s while it was out", stray, f.host.name)
	check(!f.returned.Before(f.until), "%s was back at %s, before %s", f.host.name, clock(f.returned), clock(f.until))
	check(!nth(journal, f.returned, http.StatusOK, 1).IsZero(), "%s has served nothing since it is back", f.host.name)
	for _, mark := range marks {
		check(mark == health.PublishedHealthy.String(), "an Envoy has %s marked %s", f.host.name, mark)
	}
	return errors.Join(faults...)
}

// bill is what it cost the clients.
type bill struct {
	total, failed int
	last          time.Time // when the last failed request was sent
}

// clients adds up what all clients saw.
func (s *stage) clients() (b bill) {
	for _, p := range s.proxies {
		total, failed := p.client.Counts()
		b.total, b.failed = b.total+total, b.failed+failed
		b.add(p.client.Results())
	}
	return b
}

func (b *bill) add(results []load.Result) {
	for i := range results {
		if results[i].Failed() && results[i].At.After(b.last) {
			b.last = results[i].At
		}
	}
}
