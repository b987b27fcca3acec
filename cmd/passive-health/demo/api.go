package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/envoy-passive-health/passive-health/health"
)

// apiTimeout bounds one question to the service.
const apiTimeout = 2 * time.Second

// api asks the service's admin listener, as an operator would.
type api struct {
	base string
	http *http.Client
}

// hostState is what the demo reads of a host in GET /api/v1/hosts.
type hostState struct {
	Address string       `json:"host"`
	Verdict health.State `json:"verdict"`
	Until   time.Time    `json:"until"`
	Window  struct {
		Errors    int      `json:"errors"`
		Reporters []string `json:"reporters"`
	} `json:"window"`
	Weight          int  `json:"weight"`
	PublishedWeight int  `json:"published_weight"`
	Last            move `json:"last_transition"`
}

// move is a host's last change of verdict; At is zero if there was none.
type move struct {
	To     health.State  `json:"to"`
	At     time.Time     `json:"at"`
	Reason health.Reason `json:"reason"`
	Text   string        `json:"text"`
}

// proxyState is what the demo reads of an Envoy in GET /api/v1/proxies.
type proxyState struct {
	Node    string    `json:"node"`
	LastAck time.Time `json:"last_ack"`
}

func newAPI(address string) *api {
	return &api{base: "http://" + address, http: &http.Client{Transport: &http.Transport{}, Timeout: apiTimeout}}
}

func (a *api) close() error {
	a.http.CloseIdleConnections()
	return nil
}

// ready is nil when the service is.
func (a *api) ready(ctx context.Context) error {
	_, err := a.get(ctx, "/readyz")
	return err
}

func (a *api) hosts(ctx context.Context) ([]hostState, error) {
	var answer struct {
		Hosts []hostState `json:"hosts"`
	}
	err := a.getJSON(ctx, "/api/v1/hosts?cluster="+cluster, &answer)
	return answer.Hosts, err
}

func (a *api) proxies(ctx context.Context) ([]proxyState, error) {
	var answer struct {
		Proxies []proxyState `json:"proxies"`
	}
	err := a.getJSON(ctx, "/api/v1/proxies", &answer)
	return answer.Proxies, err
}

func (a *api) getJSON(ctx context.Context, path string, into any) error {
	body, err := a.get(ctx, path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("decoding the service's %s: %w", path, err)
	}
	return nil
}

func (a *api) get(ctx context.Context, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.base+path, nil)
	if err != nil {
		return nil, fmt.Errorf("asking the service: %w", err)
	}
	response, err := a.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("asking the service: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the service's %s: %w", path, err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the service's %s: %s: %s", path, response.Status, body)
	}
	return body, nil
}
