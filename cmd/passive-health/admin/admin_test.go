package admin

import (
	"bufio"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/api"
	"github.com/envoy-passive-health/passive-health/cmd/passive-health/config"
	"github.com/envoy-passive-health/passive-health/health"
)

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
