package admin

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
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
