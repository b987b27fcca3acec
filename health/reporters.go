package health

import "time"

// reporters remembers which Envoys were heard last, and when: MaxReporters of them at most. Each has one place
// however much it says, so that a noisy one can neither fill the record nor push the others out; when all places
// are taken by Envoys heard within the span, there are more than any rule asks for and a further one is not needed.
type reporters struct {
	places []reporter // nil where no rule asks
}

type reporter struct {
	name string
	at   time.Time
}

func newReporters(needed int) reporters {
	if needed <= 1 {
		return reporters{}
	}
	return reporters{places: make([]reporter, MaxReporters)}
}

func (r *reporters) add(name string, now time.Time, span time.Duration) {
	if r.places == nil || name == "" {
		return
	}
	free := -1
	for i := range r.places {
		place := &r.places[i]
		if place.name == name {
			place.at = now
			return
		}
		if free < 0 && (place.name == "" || now.Sub(place.at) > span) {
			free = i
		}
	}
	if free >= 0 {
		r.places[free] = reporter{name, now}
	}
}

// count returns how many distinct Envoys were heard no longer ago than span.
func (r *reporters) count(now time.Time, span time.Duration) int {
	n := 0
	for i := range r.places {
		if r.places[i].name != "" && now.Sub(r.places[i].at) <= span {
			n++
		}
	}
	return n
}

func (r *reporters) clear() { clear(r.places) }
