package page

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/journal"
	"github.com/envoy-passive-health/passive-health/health"
	"github.com/envoy-passive-health/passive-health/xds"
)

func address(n int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}), 80)
}

// site is the page before a real tracker with clusters api and web.
type site struct {
	http.Handler

	tracker *health.Tracker
	proxies []xds.Proxy
}

func newSite(hosts int) *site {
	s := &site{tracker: health.NewTracker()}
	var members []health.Member
	for i := range hosts {
		members = append(members, health.Member{Address: address(i + 1), Weight: 100})
	}
	s.tracker.SetClusters(time.Now(), []health.Cluster{
		{Name: "api", Policy: health.DefaultPolicy(), Members: members[:1]}, {Name: "web", Policy: health.DefaultPolicy(), Members: members},
	})
	j := journal.New(1)
	s.Handler = Handler(Options{
		Snapshots: func() (all []health.Snapshot) {
			for _, name := range s.tracker.Clusters() {
				snapshot, _ := s.tracker.Snapshot(time.Now(), name)
				all = append(all, snapshot)
			}
			return all
		},
		Proxies: func() []xds.Proxy { return s.proxies },
		Events: func() []journal.Event {
			for _, tr := range s.tracker.Take().Transitions {
				j.Add(journal.Transition(&tr))
			}
			events, _ := j.After(0)
			return events
		},
		Version: "v1",
	})
	return s
}

func (s *site) fail(host int) {
	s.tracker.Record(time.Now(), health.Observation{
		Host: health.Host{Cluster: "web", Address: address(host)}, Reporter: "envoy-a", Status: 503, Count: 5,
	})
}

func (s *site) get(t *testing.T, path string) string {
	t.Helper()
	answer := httptest.NewRecorder()
	s.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	if answer.Code != http.StatusOK {
		t.Fatalf("%s: %d", path, answer.Code)
	}
	return answer.Body.String()
}

// inOrder checks that the texts stand in the page, one after the other.
func inOrder(t *testing.T, page string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		_, rest, found := strings.Cut(page, text)
		if !found {
			t.Fatalf("%q is not there, or not in its place", text)
		}
		page = rest
	}
}

func TestWorstComesFirst(t *testing.T) {
	s := newSite(4)
	s.fail(3)
	s.fail(4)
	s.fail(2) // refused: half of the cluster is out
	inOrder(t, s.get(t, "/"),
		"<title>● 2 out | passive-health</title>", "v1",
		">web <small>2 of 4 in</small>", // before api, which is well
		"10.0.0.3:80", "5 errors in 0s (5 x 503), seen by envoy-a",
		"10.0.0.4:80", "10.0.0.2:80", "an ejection is wanted and refused: max_percent", "10.0.0.1:80",
		">api <small>1 of 1 in</small>", "none is connected", "eject.refused", "host.ejected",
	)
}

func TestOrdersAndTroubleShow(t *testing.T) {
	s := newSite(3)
	order := health.Override{
		ID: "1", Cluster: "web", Hosts: []netip.AddrPort{address(2)}, Action: health.ActionEject,
		CreatedBy: "ann", Comment: "<script>alert(1)</script>", EndsAt: time.Now().Add(time.Hour),
	}
	if err := s.tracker.AddOverride(time.Now(), order, false); err != nil {
		t.Fatal(err)
	}
	s.proxies = []xds.Proxy{{Node: "envoy-7", State: xds.ProxyNacked, LastNack: xds.Nack{Text: "malformed", ServiceName: "web"}}}
	page := s.get(t, "/?show=trouble")
	inOrder(t, page, `role="alert">envoy-7 refused web: malformed`, "10.0.0.2:80", "eject by ann for another 1h0m0s: &lt;script&gt;", "nacked")
	if strings.Contains(page, "10.0.0.1:80") {
		t.Error("a healthy host is shown among what is not healthy")
	}
}

// TestNothingInline: the listener's content security policy lets no inline script or style through, and nothing from
// elsewhere.
func TestNothingInline(t *testing.T) {
	page := newSite(2).get(t, "/")
	for _, forbidden := range []string{`<script>`, `<style`, ` style=`, ` onclick=`, `http://`, `https://`} {
		if strings.Contains(page, forbidden) {
			t.Errorf("the page has %q", forbidden)
		}
	}
	for _, file := range regexp.MustCompile(`(?:src|href)="(/page/[^"]+)"`).FindAllStringSubmatch(page, -1) {
		if s := newSite(1).get(t, file[1]); len(s) < 100 {
			t.Errorf("%s is %d bytes", file[1], len(s))
		}
	}
}

func TestManyHostsAreCut(t *testing.T) {
	s := newSite(1000)
	s.fail(999)
	body := s.get(t, "/page/body")
	inOrder(t, body, "10.0.3.231:80", fmt.Sprintf("and %d healthy hosts more", 1000-shownHosts))
	if rows := strings.Count(body, `<tr class="healthy">`); rows != shownHosts {
		t.Errorf("%d healthy rows, want %d with the one that is out and the other cluster's", rows, shownHosts)
	}
}
