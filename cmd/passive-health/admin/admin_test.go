package admin

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/api"
	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/journal"
	"github.com/envoy-passive-health/passive-health/cmd/passive-health/config"
	"github.com/envoy-passive-health/passive-health/health"
	"github.com/envoy-passive-health/passive-health/xds"
)

// site is the admin listener before a real tracker with cluster web of four hosts, 10.0.0.1:80 to 10.0.0.4:80.
type site struct {
	*httptest.Server

	t       testing.TB
	tracker *health.Tracker
	journal *journal.Journal
	reload  error
	debug   bool
	ready   bool

	contract *contract // what every answer is held to
}

func open(t *testing.T) *site {
	t.Helper()
	return openTo(t, Access{})
}

func openTo(t testing.TB, access Access) *site {
	t.Helper()
	s := &site{t: t, tracker: health.NewTracker(), journal: journal.New(1), contract: newContract(t)}
	var members []health.Member
	for i := range byte(4) {
		address := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, i + 1}), 80)
		members = append(members, health.Member{Address: address, Weight: 100, Zone: "a"})
	}
	s.tracker.SetClusters(time.Now(), []health.Cluster{{Name: "web", Policy: health.DefaultPolicy(), Members: members}})
	s.Server = httptest.NewServer(Handler(Options{
		Tracker: s.tracker, Journal: s.journal, Gatherer: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler),
		Proxies:     func() []xds.Proxy { return []xds.Proxy{{Node: "envoy-a", State: xds.ProxySynced}} },
		Ready:       func() []api.Condition { return []api.Condition{{Name: "here", OK: true}, {Name: "there", OK: s.ready}} },
		Reload:      func(context.Context) error { return s.reload },
		OverrideMax: func() time.Duration { return 24 * time.Hour },
		ConfigHash:  func() string { return "abc" },
		Config: func() (api.Config, error) {
			return api.Config{Path: "f", Hash: "abc", Settings: []config.Setting{{Key: "debug", Value: "true", Source: "f:1"}}}, nil
		},
		Debug:  func() bool { return s.debug },
		Access: access,
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *site) fail(host byte, n int) {
	address := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, host}), 80)
	s.tracker.Record(time.Now(), health.Observation{
		Host: health.Host{Cluster: "web", Address: address}, Reporter: "envoy-a", Status: 503, Count: n,
	})
	for _, tr := range s.tracker.Take().Transitions {
		s.journal.Add(journal.Transition(&tr))
	}
}

// call sends a request and decodes the answer's body, if it is to be.
func (s *site) call(method, path, body string, answer any) (status int) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	response, err := s.Client().Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	s.contract.check(request, response.StatusCode, response.Header.Get("Content-Type"), data)
	if response.StatusCode == http.StatusCreated {
		s.contract.validate("#/components/schemas/NewOverride", "an order that was taken", []byte(body))
	}
	if answer != nil {
		if err := json.Unmarshal(data, answer); err != nil {
			s.t.Fatalf("%s %s: %v in %s", method, path, err, data)
		}
	}
	return response.StatusCode
}

func TestHosts(t *testing.T) {
	s := open(t)
	s.fail(1, 7)
	s.fail(2, 3)
	var all, ejected api.Hosts
	if got := s.call("GET", "/api/v1/hosts?cluster=web", "", &all); got != http.StatusOK || len(all.Hosts) != 4 {
		t.Fatalf("status %d, %d hosts", got, len(all.Hosts))
	}
	first, second := all.Hosts[0], all.Hosts[1]
	if first.Verdict != health.Ejected || first.Published != health.PublishedUnhealthy || first.TotalErrors != 7 ||
		first.Until == nil || first.LastTransition == nil || !strings.Contains(first.LastTransition.Text, "5 x 503") {
		t.Errorf("the ejected host: %+v", first)
	}
	if second.Verdict != health.Healthy || second.Window.Errors != 3 || second.Until != nil || second.Zone != "a" {
		t.Errorf("the host with three errors: %+v", second)
	}
	s.call("GET", "/api/v1/hosts?verdict=ejected", "", &ejected)
	if len(ejected.Hosts) != 1 || ejected.Hosts[0].Host != "10.0.0.1:80" {
		t.Errorf("filtered: %+v", ejected)
	}
	for path, want := range map[string]int{
		"/api/v1/hosts?verdict=sick": 400, "/api/v1/hosts?cluster=none": 200, "/api/v1/proxies": 200, "/api/v1/clusters": 200,
		"/readyz": 503, "/healthz": 200, "/metrics": 200,
	} {
		if got := s.call("GET", path, "", nil); got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
}

func TestReset(t *testing.T) {
	s := open(t)
	s.fail(1, 5)
	s.fail(2, 5)
	for _, tt := range []struct {
		body string
		want int
		left int // hosts ejected afterwards
	}{
		{`{"cluster":"web","host":"nowhere"}`, 400, 2},
		{`{"cluster":"web","host":"10.0.0.9:80"}`, 404, 2},
		{`{"claster":"web"}`, 400, 2},
		{`{"cluster":"web","host":"10.0.0.1:80"}`, 200, 1},
		{`{}`, 200, 0},
	} {
		if got := s.call("POST", "/api/v1/hosts/reset", tt.body, nil); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.body, got, tt.want)
		}
		var ejected api.Hosts
		s.call("GET", "/api/v1/hosts?verdict=ejected", "", &ejected)
		if len(ejected.Hosts) != tt.left {
			t.Errorf("%s leaves %d ejected, want %d", tt.body, len(ejected.Hosts), tt.left)
		}
	}
}

func TestOverrides(t *testing.T) {
	s := open(t)
	const whole = `{"cluster":"web","hosts":["10.0.0.1:80"],"action":"eject","created_by":"ann","comment":"bad disk","duration":"1h"}`
	var made api.Override
	if got := s.call("POST", "/api/v1/overrides", whole, &made); got != http.StatusCreated || !made.Active || made.ID == "" {
		t.Fatalf("%d %+v", got, made)
	}
	var all api.Hosts
	s.call("GET", "/api/v1/hosts", "", &all)
	first := all.Hosts[0]
	if first.Verdict != health.Healthy || first.Published != health.PublishedUnhealthy ||
		first.Override == nil || first.Override.Comment != "bad disk" {
		t.Errorf("the word and the verdict are two: %+v", first)
	}
	var ended api.Override
	if got := s.call("DELETE", "/api/v1/overrides/"+made.ID, "", &ended); got != http.StatusOK || ended.Active || ended.EndedAt == nil {
		t.Errorf("ended: %d %+v", got, ended)
	}
	var list api.Overrides
	if s.call("GET", "/api/v1/overrides", "", &list); len(list.Overrides) != 1 {
		t.Errorf("what ended can be read: %+v", list)
	}
	if got := s.call("DELETE", "/api/v1/overrides/"+made.ID, "", nil); got != http.StatusNotFound {
		t.Errorf("ending it twice: %d", got)
	}
}

func TestOverrideFaults(t *testing.T) {
	s := open(t)
	for _, tt := range []struct {
		body  string
		want  int
		field string
	}{
		{`{"cluster":"web","action":"keep","created_by":"ann","comment":"x","duration":"25h"}`, 400, "ends_at"},
		{`{"cluster":"web","action":"keep","created_by":"ann","comment":"x","duration":"an hour"}`, 400, "duration"},
		{`{"cluster":"web","action":"keep","created_by":"ann","duration":"1h"}`, 400, "comment"},
		{`{"cluster":"web","action":"keep","comment":"x","duration":"1h"}`, 400, "created_by"},
		{`{"cluster":"web","action":"keep","created_by":"ann","comment":"x"}`, 400, "ends_at"},
		{`{"cluster":"wob","action":"keep","created_by":"ann","comment":"x","duration":"1h"}`, 400, "cluster"},
		{`{"cluster":"web","action":"kick","created_by":"ann","comment":"x","duration":"1h"}`, 400, "action"},
		{`{"cluster":"web","hosts":["web-1"],"action":"keep","created_by":"ann","comment":"x","duration":"1h"}`, 400, "hosts"},
		{`{"cluster":"web","hosts":["10.0.0.9:80"],"action":"keep","created_by":"ann","comment":"x","duration":"1h"}`, 400, "hosts"},
		{`{"cluster":"web","action":"eject","created_by":"ann","comment":"x","duration":"1h"}`, 409, ""},
		{`{"cluster":"web","action":"eject","created_by":"ann","comment":"x","duration":"1h","force":true}`, 201, ""},
		{`nonsense`, 400, ""},
	} {
		var answer api.Failure
		if got := s.call("POST", "/api/v1/overrides", tt.body, &answer); got != tt.want || answer.Error.Field != tt.field {
			t.Errorf("%s: %d %+v, want %d about %q", tt.body, got, answer.Error, tt.want, tt.field)
		}
	}
}

func TestWhy(t *testing.T) {
	s := open(t)
	s.fail(1, 5)
	s.fail(2, 5)
	s.fail(3, 5) // refused: half of the cluster is out
	var third api.Why
	if got := s.call("GET", "/api/v1/clusters/web/hosts/10.0.0.3:80", "", &third); got != http.StatusOK {
		t.Fatal(got)
	}
	if !slices.Equal(third.Blocked, []string{"max_ejection_percent"}) ||
		!strings.Contains(third.Outlook, "max_ejection_percent") || len(third.Events) != 1 {
		t.Errorf("blocked by %v, outlook %q, %d events", third.Blocked, third.Outlook, len(third.Events))
	}
	for path, want := range map[string]int{"web/hosts/10.0.0.9:80": 404, "wob/hosts/10.0.0.1:80": 404, "web/hosts/web-1": 400} {
		if got := s.call("GET", "/api/v1/clusters/"+path, "", nil); got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
}

var errFaults = fmt.Errorf("reload: %w", config.Faults{{File: "f", Line: 1, Column: 1, Path: "listn", Message: "is not a key here"}})

func TestReload(t *testing.T) {
	s := open(t)
	if got := s.call("POST", "/-/reload", "", nil); got != http.StatusOK {
		t.Errorf("reload: %d", got)
	}
	s.reload = errFaults
	var answer api.Failure
	got := s.call("POST", "/-/reload", "", &answer)
	if got != http.StatusUnprocessableEntity || !strings.Contains(answer.Error.Message, "listn") ||
		len(answer.Error.Faults) != 1 || answer.Error.Faults[0].Path != "listn" {
		t.Errorf("a bad reload: %d %+v", got, answer)
	}
}

func TestEventStream(t *testing.T) {
	s := open(t)
	s.fail(1, 5)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/api/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "text/event-stream")
	response, err := s.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	next := func(prefix string) string {
		for lines.Scan() {
			if text, ok := strings.CutPrefix(lines.Text(), prefix); ok {
				return text
			}
		}
		t.Fatalf("the stream ended before %q", prefix)
		return ""
	}
	if got := next("event: "); got != "host.ejected" {
		t.Errorf("the kept event is %q", got)
	}
	s.fail(2, 5)
	if id := next("id: "); id != "2" {
		t.Errorf("the next event has id %s, want 2", id)
	}
	var list api.Events
	s.call("GET", "/api/v1/events?since=1", "", &list)
	if len(list.Events) != 1 || list.Events[0].Host != "10.0.0.2:80" || list.Events[0].Evidence == nil {
		t.Errorf("since 1: %+v", list)
	}
	if got := s.call("GET", "/api/v1/events?since=x", "", nil); got != http.StatusBadRequest {
		t.Errorf("a bad since: %d", got)
	}
}
