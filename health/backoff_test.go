package health

import (
	"slices"
	"testing"
	"time"
)

// absences fails host 1 at each return, the given time after it, and returns how long it stays out each time.
func absences(f fleet, times int, after time.Duration) (lengths []time.Duration) {
	at := time.Duration(0)
	for range times {
		f.answer(at, 1, 503, 5)
		h := f.host(at, 1)
		if h.Verdict != Ejected {
			f.t.Fatalf("at %v host 1 is %v", at, h.Verdict)
		}
		lengths = append(lengths, h.Until.Sub(start.Add(at)))
		at = h.Until.Sub(start) + after
	}
	return lengths
}

func TestBackoff(t *testing.T) {
	seconds := func(all ...int) (d []time.Duration) {
		for _, s := range all {
			d = append(d, time.Duration(s)*time.Second)
		}
		return d
	}
	for _, tt := range []struct {
		name  string
		max   int           // recovery_time_max, seconds
		after time.Duration // full weight is back 15 s after the return
		want  []time.Duration
	}{
		{"failing again at once doubles", 300, 0, seconds(30, 60, 120, 240, 300, 300, 300)},
		{"no clean window: it doubles", 300, 45*time.Second - 1, seconds(30, 60, 120, 240, 300)},
		{"one clean window halves once", 300, 45 * time.Second, seconds(30, 30, 30, 30)},
		{"no doubling where the maximum is the time itself", 30, 0, seconds(30, 30, 30)},
		{"the last doubling stops at the maximum", 100, 0, seconds(30, 60, 100, 100)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := DefaultPolicy()
			p.RecoveryJitter, p.RecoveryTimeMax = 0, time.Duration(tt.max)*time.Second
			if got := absences(newFleet(t, 4, p), len(tt.want), tt.after); !slices.Equal(got, tt.want) {
				t.Errorf("out for %v, want %v", got, tt.want)
			}
		})
	}
}

// TestBackoffDecays: one ejection is forgotten per clean window, and the snapshot says how many are left.
func TestBackoffDecays(t *testing.T) {
	p := DefaultPolicy()
	p.RecoveryJitter = 0
	f := newFleet(t, 4, p)
	absences(f, 4, 0) // out for 30, 60, 120 and 240 s: 450 s in all, and 15 s of probation
	for _, tt := range []struct {
		at   time.Duration
		want int
	}{
		{450 * time.Second, 4},
		{465 * time.Second, 4},
		{495*time.Second - 1, 4},
		{495 * time.Second, 3},
		{525 * time.Second, 2},
		{10 * time.Hour, 0},
	} {
		f.Advance(start.Add(tt.at))
		if got := f.host(tt.at, 1).Backoff; got != tt.want {
			t.Errorf("at %v the backoff remembers %d, want %d", tt.at, got, tt.want)
		}
	}
}

// TestAnErrorBeginsTheCleanWindowAnew: four errors, one each 20 s, eject nobody and keep the backoff.
func TestAnErrorBeginsTheCleanWindowAnew(t *testing.T) {
	p := DefaultPolicy()
	p.RecoveryJitter = 0
	f := newFleet(t, 4, p)
	absences(f, 2, 0) // back at 90 s, at full weight at 105 s
	for i := range 4 {
		f.answer(time.Duration(110+20*i)*time.Second, 1, 503, 1)
	}
	if got := f.host(199*time.Second, 1).Backoff; got != 2 {
		t.Errorf("29 s after the last error the backoff remembers %d, want 2", got)
	}
	if got := f.host(200*time.Second, 1).Backoff; got != 1 {
		t.Errorf("30 s after the last error the backoff remembers %d, want 1", got)
	}
}

// TestJitter: within its share, the same for the same event, another for another host or instant.
func TestJitter(t *testing.T) {
	const length = 30 * time.Second
	drawn := map[time.Duration]int{}
	for n := range 1000 {
		at := start.Add(time.Duration(n%10) * time.Millisecond)
		d := jitter(length, 10, web(n), at)
		if d < 0 || d > length/10 {
			t.Fatalf("jitter %v is not 0 to 10 %% of %v", d, length)
		}
		if again := jitter(length, 10, web(n), at); again != d {
			t.Fatalf("the same event drew %v and %v", d, again)
		}
		drawn[d/(length/100)]++ // tenths of the range
	}
	for tenth, n := range drawn {
		if n > 150 {
			t.Errorf("%d of 1000 draws are in tenth %d of the range", n, tenth)
		}
	}
	if got := jitter(length, 0, web(1), start); got != 0 {
		t.Errorf("no jitter is %v", got)
	}
}
