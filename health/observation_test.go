package health

import (
	"maps"
	"testing"
)

func TestIgnoreRules(t *testing.T) {
	rules := []Ignore{{Route: "search"}, {Route: "cart", Statuses: Statuses(503)}, {Statuses: Statuses(504)}}
	for _, tt := range []struct {
		route   string
		outcome Outcome
		status  int
		grpc    GRPCStatus
		want    OutcomeClass
	}{
		{"search", Response, 500, 0, ClassIgnored},
		{"search", Response, 200, GRPCUnavailable, ClassIgnored},
		{"search", Response, 200, 0, ClassSuccess},
		{"search", ConnectFailure, 0, 0, ClassLocalError}, // no route is to blame for that
		{"cart", Response, 503, 0, ClassIgnored},
		{"cart", Response, 500, 0, ClassError},
		{"", Response, 504, 0, ClassIgnored},
		{"", Response, 503, 0, ClassError},
		{"other", Response, 503, 0, ClassError},
		{"other", Response, 501, 0, ClassSuccess},
	} {
		p := DefaultPolicy()
		p.Ignore = rules
		o := Observation{Route: tt.route, Outcome: tt.outcome, Status: tt.status, GRPC: tt.grpc}
		if got := p.class(&o); got != tt.want {
			t.Errorf("%+v is %v, want %v", o, got, tt.want)
		}
		if got, want := p.IsError(&o), tt.want == ClassError || tt.want == ClassLocalError; got != want {
			t.Errorf("%+v counts: %v, want %v", o, got, want)
		}
	}
}

func TestOutcomes(t *testing.T) {
	none := DefaultPolicy()
	none.CountConnectFailures, none.CountResets, none.CountTimeouts, none.CountLateResets, none.CountHidden = false, false, false, false, false
	all := DefaultPolicy()
	for _, tt := range []struct {
		in   Observation
		name string
		all  OutcomeClass
		none OutcomeClass
	}{
		{Observation{Outcome: ConnectFailure}, "connect_failure", ClassLocalError, ClassIgnored},
		{Observation{Outcome: Reset}, "reset", ClassLocalError, ClassIgnored},
		{Observation{Outcome: Timeout}, "timeout", ClassLocalError, ClassIgnored},
		{Observation{Outcome: LateReset, Status: 200}, "late_reset", ClassLocalError, ClassIgnored},
		{Observation{Outcome: Hidden}, "hidden", ClassLocalError, ClassIgnored},
		{Observation{Status: 503}, "503", ClassError, ClassError},
		{Observation{Status: 200, GRPC: GRPCUnavailable}, "grpc UNAVAILABLE", ClassError, ClassError},
		{Observation{GRPC: GRPCInternal}, "grpc INTERNAL", ClassError, ClassError},
		{Observation{GRPC: GRPCDataLoss}, "grpc DATA_LOSS", ClassError, ClassError},
		{Observation{GRPC: GRPCDeadlineExceeded}, "grpc DEADLINE_EXCEEDED", ClassError, ClassError},
		{Observation{Status: 200, GRPC: 5}, "grpc NOT_FOUND", ClassSuccess, ClassSuccess},
		{Observation{Status: 200, GRPC: 99}, "grpc invalid", ClassSuccess, ClassSuccess},
		{Observation{Outcome: 99}, "invalid", ClassIgnored, ClassIgnored},
	} {
		if got := all.class(&tt.in); got != tt.all {
			t.Errorf("%s is %v, want %v", tt.name, got, tt.all)
		}
		if got := none.class(&tt.in); got != tt.none {
			t.Errorf("%s is %v with nothing of Envoy's own counted, want %v", tt.name, got, tt.none)
		}
		cause := Cause{Outcome: tt.in.Outcome, Status: uint16(tt.in.Status), GRPC: tt.in.GRPC}
		if cause.String() != tt.name {
			t.Errorf("%+v is called %q, want %q", cause, cause, tt.name)
		}
	}
}

// TestCausesAreOneThing: what is called alike is one cause, or the metrics would have two series of one name.
func TestCausesAreOneThing(t *testing.T) {
	f := newFleet(t, 2, DefaultPolicy())
	for _, o := range []Observation{
		{Status: 200, GRPC: GRPCUnavailable},
		{Status: 0, GRPC: GRPCUnavailable}, // from trailers
		{Status: 503, GRPC: GRPCUnavailable},
		{Status: 503, GRPC: 5}, // it is the 503 that counts
		{Status: 503},
		{Outcome: Timeout},
		{Outcome: Timeout, Status: 504},
	} {
		o.Host = web(1)
		f.Record(start, o)
	}
	want := map[Cause]uint64{{GRPC: GRPCUnavailable}: 3, {Status: 503}: 2, {Outcome: Timeout}: 2}
	if got := f.snapshot(0).Counters.Errors; !maps.Equal(got, want) {
		t.Errorf("errors by cause %v, want %v", got, want)
	}
}
