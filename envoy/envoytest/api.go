package envoytest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

// HostState is one host in GET /api/v1/hosts.
type HostState struct {
	Cluster     string    `json:"cluster"`
	Host        string    `json:"host"`
	Verdict     string    `json:"verdict"`
	Published   string    `json:"published"`
	Since       time.Time `json:"since"`
	Until       time.Time `json:"until"`
	TotalErrors int       `json:"total_errors"`
	Ejections   int       `json:"ejections"`
	Window      struct {
		Errors    int      `json:"errors"`
		Reporters []string `json:"reporters"`
	} `json:"window"`
}

// ProxyState is one Envoy in GET /api/v1/proxies.
type ProxyState struct {
	Node    string `json:"node"`
	State   string `json:"state"`
	Streams int    `json:"streams"`
}

// Hosts asks for the hosts of a cluster; of all clusters for an empty name.
func (s *Service) Hosts(t testing.TB, cluster string) []HostState {
	t.Helper()
	var answer struct {
		Hosts []HostState `json:"hosts"`
	}
	s.getJSON(t, "/api/v1/hosts?cluster="+url.QueryEscape(cluster), &answer)
	return answer.Hosts
}

// HostState asks for one host. Not to know it fails the test.
func (s *Service) HostState(t testing.TB, cluster, address string) HostState {
	t.Helper()
	for _, host := range s.Hosts(t, cluster) {
		if host.Host == address {
			return host
		}
	}
	t.Fatalf("the service knows no host %s in %q", address, cluster)
	return HostState{}
}

// Proxies asks for the connected Envoys.
func (s *Service) Proxies(t testing.TB) []ProxyState {
	t.Helper()
	var answer struct {
		Proxies []ProxyState `json:"proxies"`
	}
	s.getJSON(t, "/api/v1/proxies", &answer)
	return answer.Proxies
}

// Metrics asks for the metrics: their values by name and labels, `name{label="value"}`.
func (s *Service) Metrics(t testing.TB) map[string]float64 {
	t.Helper()
	values := make(map[string]float64)
	for line := range strings.Lines(s.get(t, "/metrics")) {
		line = strings.TrimSpace(line)
		at := strings.LastIndexByte(line, ' ')
		if at < 0 || strings.HasPrefix(line, "#") {
			continue
		}
		value, err := strconv.ParseFloat(line[at+1:], 64)
		if err != nil {
			t.Fatalf("metrics: %q: %v", line, err)
		}
		values[line[:at]] = value
	}
	return values
}

// Reload asks for a reload and returns the status and the body of the answer.
func (s *Service) Reload(t testing.TB) (status int, body string) {
	t.Helper()
	return s.ask(t, http.MethodPost, "/-/reload")
}

func (s *Service) getJSON(t testing.TB, path string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(s.get(t, path)), into); err != nil {
		t.Fatalf("the service's %s: %v", path, err)
	}
}

func (s *Service) get(t testing.TB, path string) string {
	t.Helper()
	status, body := s.ask(t, http.MethodGet, path)
	if status != http.StatusOK {
		t.Fatalf("the service's %s: %d: %s", path, status, body)
	}
	return body
}

func (s *Service) ask(t testing.TB, method, path string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Close = true // no idle connection is left when the service goes
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(data)
}
