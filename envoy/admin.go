package envoy

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// adminTimeout bounds one question to the admin interface, which a frozen Envoy never answers.
const adminTimeout = 5 * time.Second

// Address returns "host:port" of the first listener, empty if there is none.
func (p *Process) Address() string { return p.listener }

// AdminAddress returns "host:port" of the admin interface.
func (p *Process) AdminAddress() string { return p.admin }

// Admin asks the admin interface, by GET, for a path such as "/clusters?format=json". Any status but 200 is an error.
func (p *Process) Admin(ctx context.Context, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.admin+path, nil)
	if err != nil {
		return nil, fmt.Errorf("asking Envoy's admin interface: %w", err)
	}
	request.Close = true // no idle connection is left when Envoy goes
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("asking Envoy's admin interface: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("reading Envoy's %s: %w", path, err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("envoy's %s: %s: %s", path, response.Status, strings.TrimSpace(string(body)))
	}
	return body, nil
}

func (p *Process) adminJSON(ctx context.Context, path string, into any) error {
	body, err := p.Admin(ctx, path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("decoding Envoy's %s: %w", path, err)
	}
	return nil
}

// Stats returns Envoy's counters and gauges by name. Histograms and texts are left out.
func (p *Process) Stats(ctx context.Context) (map[string]int64, error) {
	body, err := p.Admin(ctx, "/stats")
	if err != nil {
		return nil, err
	}
	stats := make(map[string]int64)
	for line := range strings.Lines(string(body)) {
		name, text, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if value, err := strconv.ParseInt(text, 10, 64); err == nil {
			stats[name] = value
		}
	}
	return stats, nil
}
