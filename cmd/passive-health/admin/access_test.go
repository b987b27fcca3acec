package admin

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/api"
)

// ask sends a request as it is and returns the status and, if it was refused, why.
func (s *site) ask(r *http.Request) (status int, code string) {
	s.t.Helper()
	response, err := s.Client().Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	s.contract.check(r, response.StatusCode, response.Header.Get("Content-Type"), data)
	var failure api.Failure
	_ = json.Unmarshal(data, &failure) // what is not JSON has no code
	return response.StatusCode, failure.Error.Code
}

func TestAccess(t *testing.T) {
	const token = "correct horse battery staple"
	open, tokened := Access{}, Access{Token: token}
	closed, readOnly := Access{Token: token, ReadsNeed: true}, Access{ReadOnly: true}
	for _, tt := range []struct {
		name   string
		access Access
		method string
		path   string
		host   string // "" for the listener's address
		header http.Header
		status int
		code   string
	}{
		{"read", open, "GET", "/api/v1/hosts", "", nil, 200, ""},
		{"write", open, "POST", "/api/v1/hosts/reset", "", nil, 200, ""},
		{"localhost", open, "GET", "/api/v1/hosts", "localhost:18403", nil, 200, ""},
		{"an IPv6 address", open, "GET", "/api/v1/hosts", "[::1]:18403", nil, 200, ""},
		{"a name that was made to resolve here", open, "GET", "/api/v1/hosts", "evil.example", nil, 403, "unknown_host"},
		{"such a name writes", open, "POST", "/api/v1/hosts/reset", "evil.example:18403", nil, 403, "unknown_host"},
		{"such a name scrapes", open, "GET", "/metrics", "evil.example", nil, 403, "unknown_host"},
		{"a known name", Access{AllowedHosts: []string{"health.example"}}, "GET", "/metrics", "Health.example:18403", nil, 200, ""},
		{"another site's page", open, "POST", "/api/v1/hosts/reset", "", http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403, "cross_origin"},
		{"another origin's page", open, "DELETE", "/api/v1/overrides/x", "", http.Header{"Origin": {"https://evil"}}, 403, "cross_origin"},
		{"our own page", open, "POST", "/api/v1/hosts/reset", "", http.Header{"Sec-Fetch-Site": {"same-origin"}}, 200, ""},
		{"another site's page cannot see an answer", open, "GET", "/healthz", "", http.Header{"Sec-Fetch-Site": {"cross-site"}}, 200, ""},
		{"write without token", tokened, "POST", "/api/v1/hosts/reset", "", nil, 401, "unauthorized"},
		{"reload without token", tokened, "POST", "/-/reload", "", nil, 401, "unauthorized"},
		{"wrong token", tokened, "POST", "/api/v1/hosts/reset", "", bearer("x"), 401, "unauthorized"},
		{"write with token", tokened, "POST", "/api/v1/hosts/reset", "", bearer(token), 200, ""},
		{"read without token", tokened, "GET", "/api/v1/hosts", "", nil, 200, ""},
		{"closed: read without token", closed, "GET", "/metrics", "", nil, 401, "unauthorized"},
		{"closed: read with token", closed, "GET", "/api/v1/hosts", "", bearer(token), 200, ""},
		{"closed: liveness", closed, "GET", "/healthz", "", nil, 200, ""},
		{"read only", readOnly, "POST", "/api/v1/hosts/reset", "", nil, 403, "read_only"},
		{"read only: read", readOnly, "GET", "/api/v1/hosts", "", nil, 200, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := openTo(t, tt.access)
			r, err := http.NewRequestWithContext(t.Context(), tt.method, s.URL+tt.path, strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			r.Host = tt.host
			maps.Copy(r.Header, tt.header)
			if status, code := s.ask(r); status != tt.status || code != tt.code {
				t.Errorf("%d %q, want %d %q", status, code, tt.status, tt.code)
			}
		})
	}
}

func bearer(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

// TestRefusedWritesChangeNothing ejects a host, and has every refused way to reset it leave it out.
func TestRefusedWritesChangeNothing(t *testing.T) {
	s := openTo(t, Access{Token: "correct horse battery staple"})
	s.fail(1, 5)
	if got := s.call("POST", "/api/v1/hosts/reset", "{}", nil); got != http.StatusUnauthorized {
		t.Fatal(got)
	}
	var ejected api.Hosts
	s.call("GET", "/api/v1/hosts?verdict=ejected", "", &ejected)
	if len(ejected.Hosts) != 1 {
		t.Errorf("%d hosts are out, want 1", len(ejected.Hosts))
	}
	events, _ := s.journal.After(0)
	for _, e := range events {
		if e.Name == "audit" {
			t.Errorf("a refused write was audited as done: %+v", e)
		}
	}
}

func TestAuditSaysWhoAndFromWhere(t *testing.T) {
	s := open(t)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/api/v1/hosts/reset", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Operator", "ann")
	s.ask(r)
	events, _ := s.journal.After(0)
	if len(events) != 1 || events[0].Name != "audit" || events[0].By != "ann" || !strings.HasPrefix(events[0].Address, "127.0.0.1:") {
		t.Errorf("%+v", events)
	}
}

func TestLimits(t *testing.T) {
	s := open(t)
	large := `{"cluster":"` + strings.Repeat("x", maxBody) + `"}`
	if got := s.call("POST", "/api/v1/hosts/reset", large, nil); got != http.StatusRequestEntityTooLarge {
		t.Errorf("a large body: %d", got)
	}
	if got := s.call("POST", "/api/v1/hosts/reset", "{} {}", nil); got != http.StatusBadRequest {
		t.Errorf("two bodies: %d", got)
	}
	if got := s.call("GET", "/debug/pprof/heap", "", nil); got != http.StatusNotFound {
		t.Errorf("profiles without debug: %d", got)
	}
	s.debug = true
	if got := s.call("GET", "/debug/pprof/heap", "", nil); got != http.StatusOK {
		t.Errorf("profiles with debug: %d", got)
	}
}

func TestSecurityHeaders(t *testing.T) {
	s := open(t)
	for _, path := range []string{"/api/v1/hosts", "/nowhere", "/api/v1/hosts?verdict=sick"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := s.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		for key, want := range securityHeaders {
			if got := response.Header.Get(key); got != want {
				t.Errorf("%s: %s is %q, want %q", path, key, got, want)
			}
		}
	}
}
