package health

import (
	"cmp"
	"container/heap"
	"time"
)

// deadlines orders the hosts that wait for an instant, earliest first: one timer serves them all. Equal instants
// are ordered by host, so that two trackers with the same hosts go through them alike, however they got there.
type deadlines []*host

// Len, Less, Swap, Push and Pop are heap.Interface.
func (d deadlines) Len() int { return len(d) }

func (d deadlines) Less(i, j int) bool {
	return cmp.Or(d[i].deadline.Compare(d[j].deadline), compareHosts(d[i].id, d[j].id)) < 0
}

func (d deadlines) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].place, d[j].place = i, j
}

// Push adds a host at the end.
func (d *deadlines) Push(x any) {
	h := x.(*host) //nolint:forcetypeassert,errcheck // only hosts are pushed
	h.place = len(*d)
	*d = append(*d, h)
}

// Pop takes the last host.
func (d *deadlines) Pop() any {
	last := len(*d) - 1
	h := (*d)[last]
	(*d)[last] = nil
	*d = (*d)[:last]
	h.place = noPlace
	return h
}

const noPlace = -1

// set gives a host its deadline; the zero time takes it off.
func (d *deadlines) set(h *host, at time.Time) {
	h.deadline = at
	switch {
	case at.IsZero() && h.place != noPlace:
		heap.Remove(d, h.place)
	case at.IsZero():
	case h.place == noPlace:
		heap.Push(d, h)
	default:
		heap.Fix(d, h.place)
	}
}

func compareHosts(a, b Host) int {
	return cmp.Or(cmp.Compare(a.Cluster, b.Cluster), a.Address.Compare(b.Address))
}
