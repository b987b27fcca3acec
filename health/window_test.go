package health

import (
	"testing"
	"time"
)

func FuzzWindow(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 0}, uint8(5))
	f.Add([]byte{0, 10, 200, 3, 30, 1}, uint8(2))
	f.Fuzz(func(t *testing.T, steps []byte, size uint8) {
		const span = 30 * time.Second
		w := newWindow(int(size)%50 + 1)
		var all []time.Time
		now := start
		for _, step := range steps {
			now = now.Add(time.Duration(step%64) * time.Second)
			if step < 192 {
				w.add(failure{at: now})
				all = append(all, now)
			}
			young := 0
			for _, at := range all {
				if now.Sub(at) <= span {
					young++
				}
			}
			if got, want := w.count(now, span), min(young, len(w.ring)); got != want {
				t.Fatalf("%d errors in the window, want %d", got, want)
			}
			if got, want := w.holds(len(w.ring), now, span), young >= len(w.ring); got != want {
				t.Fatalf("holds %d: %v, want %v", len(w.ring), got, want)
			}
		}
	})
}
