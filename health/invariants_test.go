package health

import (
	"fmt"
	"testing"
	"time"
)

// failer is what reports a broken invariant: a test, or rapid's.
type failer interface {
	Fatalf(format string, args ...any)
}

// checkInvariants recounts everything that the tracker counts as it goes, and holds it to the rules. The names I2 to I6
// are the promises of the documentation: I2 at most the configured share is out, I3 each mark has its evidence, I4 each
// mark ends, I5 doubtful input ejects less, I6 memory is bounded by the configuration.
func checkInvariants(t failer, tr *Tracker) {
	waiting := 0
	for _, c := range tr.clusters {
		checkCounts(t, c)
		for _, h := range c.hosts {
			checkHost(t, tr, h)
			if h.place != noPlace {
				waiting++
			}
		}
	}
	if waiting != len(tr.deadlines) {
		t.Fatalf("I6: %d hosts wait, %d places are taken", waiting, len(tr.deadlines))
	}
	for i, h := range tr.deadlines {
		if h.place != i || tr.hosts[h.id] != h {
			t.Fatalf("I6: place %d belongs to %v", i, h.id)
		}
		if parent := (i - 1) / 2; i > 0 && tr.deadlines.Less(i, parent) {
			t.Fatalf("the deadline of %v comes before that of %v", h.id, tr.deadlines[parent].id)
		}
	}
	if len(tr.overrides) > maxOverrides || len(tr.told) > maxTold {
		t.Fatalf("I6: %d overrides, %d transitions", len(tr.overrides), len(tr.told))
	}
}

func checkCounts(t failer, c *cluster) {
	outs, sound, refused, capped, automatic := 0, 0, 0, 0, 0
	for _, h := range c.hosts {
		outs += btoi(h.isOut())
		sound += btoi(h.isSound())
		refused += btoi(h.refused.Reason != "")
		capped += btoi(h.refused.Reason.isCap())
		automatic += btoi(h.isOut() && !h.ordered(ActionEject))
	}
	if outs != c.out || sound != c.sound || refused != c.refused || capped != c.capped {
		t.Fatalf("%s counts out %d, sound %d, refused %d, capped %d; it has %d, %d, %d, %d",
			c.name, c.out, c.sound, c.refused, c.capped, outs, sound, refused, capped)
	}
	if automatic > 0 && outs*100 > c.policy.MaxEjectionPercent*len(c.hosts) {
		t.Fatalf("I2: %d of %d hosts are out, the cap is %d %%", outs, len(c.hosts), c.policy.MaxEjectionPercent)
	}
	if automatic > 0 && len(c.hosts)-outs < c.policy.MinHealthyHosts {
		t.Fatalf("I2: %d of %d hosts are in, at least %d must be", len(c.hosts)-outs, len(c.hosts), c.policy.MinHealthyHosts)
	}
	checkZones(t, c)
	if c.failing != c.allFailing() {
		t.Fatalf("%s: failing is %v", c.name, c.failing)
	}
}

func checkZones(t failer, c *cluster) {
	zones, automatic := map[string]zone{}, map[string]bool{}
	for _, h := range c.hosts {
		z := zones[h.zone]
		zones[h.zone] = zone{z.hosts + 1, z.out + btoi(h.isOut())}
		automatic[h.zone] = automatic[h.zone] || h.isOut() && !h.ordered(ActionEject)
	}
	if len(zones) != len(c.zones) {
		t.Fatalf("I6: %s keeps %d zones of %d", c.name, len(c.zones), len(zones))
	}
	for name, z := range zones {
		if *c.zones[name] != z {
			t.Fatalf("%s counts %+v in zone %q; it has %+v", c.name, *c.zones[name], name, z)
		}
		if automatic[name] && z.out*100 > c.policy.MaxZoneEjectionPercent*z.hosts {
			t.Fatalf("I2: %d of %d hosts of zone %q are out, the cap is %d %%", z.out, z.hosts, name, c.policy.MaxZoneEjectionPercent)
		}
	}
}

func checkHost(t failer, tr *Tracker, h *host) {
	if h.published != h.publish() {
		t.Fatalf("%v: published %+v, want %+v", h.id, h.published, h.publish())
	}
	if w := h.published.weight; w < 1 || w > h.weight {
		t.Fatalf("%v: weight %d of %d", h.id, w, h.weight)
	}
	if len(h.window.ring) != h.cluster.policy.windowSize() {
		t.Fatalf("I6: %v has room for %d errors", h.id, len(h.window.ring))
	}
	if h.state != Healthy && (h.deadline.IsZero() || h.deadline.Before(tr.now) && !h.deadline.Equal(tr.now)) {
		t.Fatalf("I4: %v is %v without an end ahead: %v at %v", h.id, h.state, h.deadline, tr.now)
	}
	threshold, _ := h.threshold()
	wanted := !h.deadline.IsZero() && h.window.holds(threshold, tr.now, h.cluster.policy.Window)
	if h.refused.Reason != "" && !wanted {
		t.Fatalf("%v is refused for %s, and nobody wants it out", h.id, h.refused.Reason)
	}
	p := &h.cluster.policy
	longest := p.RecoveryTimeMax + p.RecoveryTimeMax*time.Duration(p.RecoveryJitter)/100
	if h.state == Ejected && h.last != nil && h.until.Sub(h.since) > max(longest, h.last.Until.Sub(h.last.At)) {
		t.Fatalf("I4: %v is out for %v, longer than %v", h.id, h.until.Sub(h.since), longest)
	}
	if h.state == Ejected && (h.last == nil || h.last.Kind != HostEjected || h.last.Reason == "" || h.last.Evidence.Errors < 1) {
		t.Fatalf("I3: %v is out without evidence: %+v", h.id, h.last)
	}
}

// checkTold holds what was told to its form: no transition without a reason and words.
func checkTold(t failer, told []Transition) {
	for i := range told {
		tr := &told[i]
		if tr.Reason == "" || tr.At.IsZero() || tr.Text() == "" {
			t.Fatalf("I3: %+v says nothing", tr)
		}
	}
}

// TestInvariantsAreChecked shows that the checker finds what it is for.
func TestInvariantsAreChecked(t *testing.T) {
	for name, spoil := range map[string]func(*Tracker, *host){
		"a wrong count":      func(tr *Tracker, h *host) { h.cluster.out++ },
		"no end":             func(tr *Tracker, h *host) { tr.deadlines.set(h, time.Time{}) },
		"no evidence":        func(tr *Tracker, h *host) { h.last = nil },
		"published wrongly":  func(tr *Tracker, h *host) { h.published.state = PublishedHealthy },
		"more than the cap":  func(tr *Tracker, h *host) { h.cluster.policy.MaxEjectionPercent = 10 },
		"a window too large": func(tr *Tracker, h *host) { h.window = newWindow(99) },
	} {
		f := newFleet(t, 4, DefaultPolicy())
		f.answer(0, 1, 503, 5)
		checkInvariants(t, f.Tracker)
		spoil(f.Tracker, f.hosts[web(1)])
		var found findings
		checkInvariants(&found, f.Tracker)
		if len(found) == 0 {
			t.Errorf("%s is not found", name)
		}
	}
}

type findings []string

func (f *findings) Fatalf(format string, args ...any) { *f = append(*f, fmt.Sprintf(format, args...)) }
