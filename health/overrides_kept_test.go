package health

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"testing"
	"time"
)

func TestEndedOverridesCanBeReadForADay(t *testing.T) {
	f := newFleet(t, 4, DefaultPolicy())
	f.add(0, order("expires", ActionKeep, 1))
	f.add(0, order("ended", ActionKeep, 1))
	f.end(time.Minute, "ended")
	if err := f.EndOverride(start.Add(time.Minute), "ended"); !errors.Is(err, ErrNoOverride) {
		t.Errorf("ended twice: error %v", err)
	}
	if err := f.EndOverride(start.Add(time.Hour), "expires"); !errors.Is(err, ErrNoOverride) {
		t.Errorf("ended at the instant of its end: error %v", err)
	}
	ids := func(at time.Duration) (found []string) {
		f.Advance(start.Add(at))
		for _, o := range f.Overrides() {
			found = append(found, o.ID)
		}
		return found
	}
	const day = 24 * time.Hour
	for _, tt := range []struct {
		at   time.Duration
		want []string
	}{
		{day + time.Minute - 1, []string{"expires", "ended"}},
		{day + time.Minute, []string{"expires"}},
		{day + time.Hour - 1, []string{"expires"}},
		{day + time.Hour, nil},
	} {
		if got := ids(tt.at); !slices.Equal(got, tt.want) {
			t.Errorf("at %v: %v, want %v", tt.at, got, tt.want)
		}
	}
	if at, ok := f.Next(); ok {
		t.Errorf("something is still due at %v", at)
	}
}

func TestOverridesAreBounded(t *testing.T) {
	f := newFleet(t, 4, DefaultPolicy())
	for i := range maxOverrides + 10 {
		id := strconv.Itoa(i)
		f.add(time.Duration(i), order(id, ActionKeep, 1))
		f.end(time.Duration(i), id)
	}
	if got := f.Overrides(); len(got) > maxOverrides || got[len(got)-1].ID != strconv.Itoa(maxOverrides+9) {
		t.Errorf("%d overrides are kept, the last is %s", len(got), got[len(got)-1].ID)
	}
	for i := range maxOverrides {
		f.add(time.Second, order(fmt.Sprint("active", i), ActionKeep, 1))
	}
	if err := f.AddOverride(start.Add(time.Second), order("more", ActionKeep, 1), false); !errors.Is(err, ErrTooManyOverrides) {
		t.Errorf("one more: error %v, want ErrTooManyOverrides", err)
	}
	checkInvariants(t, f.Tracker)
}

func TestOverridesAreTold(t *testing.T) {
	f := newFleet(t, 4, DefaultPolicy())
	f.Take()
	f.add(0, order("1", ActionEject, 1))
	f.add(0, order("2", ActionKeep, 2))
	f.end(time.Minute, "2")
	f.Advance(start.Add(time.Hour))
	var told []string
	for _, tr := range f.Take().Transitions {
		if tr.Host != (Host{Cluster: "web"}) || tr.Override == nil || tr.Reason == "" {
			t.Errorf("told %+v", tr)
		}
		told = append(told, fmt.Sprint(tr.Kind, ": ", tr.Text()))
	}
	want := []string{
		"override.created: eject by ann until 13:00:00: x",
		"override.created: keep by ann until 13:00:00: x",
		"override.ended: keep by ann ended (operator)",
		"override.ended: eject by ann ended (expired)",
	}
	if !slices.Equal(told, want) {
		t.Errorf("told\n%q, want\n%q", told, want)
	}
}

func TestOverridesBelongToTheTracker(t *testing.T) {
	f := newFleet(t, 4, DefaultPolicy())
	o := order("1", ActionEject, 1)
	f.add(0, o)
	o.Hosts[0] = address(2)
	f.Overrides()[0].Hosts[0] = address(3)
	f.SetClusters(start, []Cluster{{Name: "web", Policy: DefaultPolicy(), Members: members(4)}})
	if got := f.out(0); !slices.Equal(got, []int{1}) {
		t.Errorf("out: %v, want 1", got)
	}
	if got := f.Overrides()[0].Hosts; !slices.Equal(got, []netip.AddrPort{address(1)}) {
		t.Errorf("hosts %v", got)
	}
}
