package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/api"
)

const (
	defaultServer = "http://127.0.0.1:18403"
	// askTimeout bounds one question, a stream of events excepted.
	askTimeout = 10 * time.Second
	// maxAnswer bounds what is read: a hundred thousand hosts take some 60 MB.
	maxAnswer = 256 << 20
)

// server is the value of --server.
type server struct{ text string }

// String, Set and Type are pflag.Value.
func (s *server) String() string { return s.text }

// Set takes a URL or unix:/path.
func (s *server) Set(text string) error {
	if _, _, err := parseServer(text); err != nil {
		return err
	}
	s.text = text
	return nil
}

// Type names the value in the help.
func (s *server) Type() string { return "address" }

// parseServer returns the base of every request, and the path of the socket to ask if it is one.
func parseServer(text string) (base, socket string, err error) {
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		if !strings.HasPrefix(path, "/") {
			return "", "", fmt.Errorf("server: %q is not unix: and an absolute path", text)
		}
		return "http://localhost", path, nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", "", fmt.Errorf("server: %q is neither a URL such as %s nor unix:/path", text, defaultServer)
	}
	return strings.TrimSuffix(text, "/"), "", nil
}

// client asks one service.
type client struct {
	server string // as the user calls it
	base   string
	token  string
	http   *http.Client
}

// answer is what the service answered with success. Its time is the service's own, so that clocks need not agree.
type answer struct {
	body []byte
	at   time.Time
}

func (s *session) client() (*client, error) {
	base, socket, err := parseServer(s.server.text)
	if err != nil {
		return nil, UsageError{err}
	}
	token, err := readToken(s.token)
	if err != nil {
		return nil, UsageError{err}
	}
	dial := s.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: askTimeout}).DialContext
	}
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		if socket != "" {
			network, address = "unix", socket
		}
		return dial(ctx, network, address)
	}}
	return &client{server: s.server.text, base: base, token: token, http: &http.Client{Transport: transport}}, nil
}

func readToken(file string) (string, error) {
	if file == "" {
		return "", nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}

func (c *client) get(ctx context.Context, path string) (answer, error) {
	return c.ask(ctx, http.MethodGet, path, nil)
}

// ask sends a request, with body as JSON unless it is nil.
func (c *client) ask(ctx context.Context, method, path string, body any) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	response, err := c.send(ctx, method, path, body, nil)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return answer{}, fmt.Errorf("asking %s: %w", c.server, err)
	}
	return answer{data, serverTime(response)}, nil
}

// send returns the response if it is a success. The caller closes its body.
func (c *client) send(ctx context.Context, method, path string, body any, header http.Header) (*http.Response, error) {
	var payload bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&payload).Encode(body); err != nil {
			return nil, fmt.Errorf("asking %s: %w", c.server, err)
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, &payload)
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", c.server, err)
	}
	maps.Copy(request.Header, header)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if method != http.MethodGet {
		request.Header.Set("X-Operator", defaultUser())
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("asking the service (--server %s): %w", c.server, err)
	}
	if response.StatusCode/100 != 2 {
		defer response.Body.Close()
		return nil, refused(response)
	}
	return response, nil
}

// refused returns the service's own words on why it did not do as asked.
func refused(r *http.Response) error {
	const enough = 64 << 10
	data, _ := io.ReadAll(io.LimitReader(r.Body, enough)) // what has come says as much as can be known
	var body api.Failure
	if json.Unmarshal(data, &body) == nil && body.Error.Message != "" {
		return fmt.Errorf("the service says: %s", body.Error.Message)
	}
	return fmt.Errorf("the service says: %s %s", r.Status, bytes.TrimSpace(data))
}

func serverTime(r *http.Response) time.Time {
	if at, err := http.ParseTime(r.Header.Get("Date")); err == nil {
		return at
	}
	return time.Now()
}
