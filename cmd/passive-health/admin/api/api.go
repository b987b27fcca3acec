// Package api holds the types of the admin API as they stand in JSON: the server writes them, the command line reads
// them.
package api

import (
	"time"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/journal"
	"github.com/envoy-passive-health/passive-health/cmd/passive-health/config"
	"github.com/envoy-passive-health/passive-health/health"
	"github.com/envoy-passive-health/passive-health/xds"
)

// Host is one host. What is configured, what an operator ordered, what the rules say and what EDS says are apart.
type Host struct {
	Cluster         string           `json:"cluster"`
	Host            string           `json:"host"`
	Zone            string           `json:"zone,omitempty"`
	Verdict         health.State     `json:"verdict"`
	Published       health.Published `json:"published"`
	Weight          uint32           `json:"weight"`           // configured
	PublishedWeight uint32           `json:"published_weight"` // smaller in probation
	Since           *time.Time       `json:"since,omitempty"`
	Until           *time.Time       `json:"until,omitempty"`
	Window          Window           `json:"window"`
	TotalErrors     uint64           `json:"total_errors"`
	Ejections       int              `json:"ejections"`
	Backoff         int              `json:"backoff,omitempty"` // ejections that the next time out is doubled for
	Override        *Override        `json:"override,omitempty"`
	Outlook         string           `json:"outlook"` // what is to come, or what keeps it from coming, in words
	Refused         *Refusal         `json:"refused,omitempty"`
	LastTransition  *Transition      `json:"last_transition,omitempty"`
}

// Window is what a host's window holds now.
type Window struct {
	Errors    int      `json:"errors"`
	Requests  int      `json:"requests,omitempty"` // 0 if no sensor counts them
	Reporters []string `json:"reporters,omitempty"`
}

// Refusal is an ejection wanted but not allowed.
type Refusal struct {
	Reason health.Reason `json:"reason"`
	Since  time.Time     `json:"since"`
}

// Transition is a host's last change of verdict.
type Transition struct {
	From   health.State  `json:"from"`
	To     health.State  `json:"to"`
	At     time.Time     `json:"at"`
	Reason health.Reason `json:"reason"`
	Text   string        `json:"text"`
}

// Hosts answers GET /api/v1/hosts.
type Hosts struct {
	Hosts []Host `json:"hosts"`
}

// Why answers GET /api/v1/clusters/{cluster}/hosts/{host}: the whole story of one host.
type Why struct {
	Host

	Rules   []health.Rule   `json:"rules"`   // what each has to say on ejecting it now
	Blocked []string        `json:"blocked"` // the rules that do not allow it
	Events  []journal.Event `json:"events"`  // what happened to it, newest last
}

// Cluster is one cluster.
type Cluster struct {
	Cluster            string `json:"cluster"`
	Hosts              int    `json:"hosts"`
	Out                int    `json:"out"`                  // or would be, if enforce were true
	MaxEjectionPercent int    `json:"max_ejection_percent"` // the cap
	MinHealthyHosts    int    `json:"min_healthy_hosts"`
	PanicThreshold     int    `json:"panic_threshold"`
	Panic              bool   `json:"panic"` // Envoy ignores the marks
	Failing            bool   `json:"failing"`
	Paused             bool   `json:"paused"`
	Enforce            bool   `json:"enforce"`
	Version            uint64 `json:"version"` // of what is published
}

// Clusters answers GET /api/v1/clusters.
type Clusters struct {
	Clusters []Cluster `json:"clusters"`
}

// Proxy is one connected Envoy.
type Proxy struct {
	Node          string            `json:"node"`
	Cluster       string            `json:"cluster,omitempty"`
	EnvoyVersion  string            `json:"envoy_version,omitempty"`
	Address       string            `json:"address"`
	Streams       int               `json:"streams"`
	State         xds.ProxyState    `json:"state"`
	Sent          map[string]string `json:"sent"`  // version by EDS service name
	Acked         map[string]string `json:"acked"` // likewise
	LastAck       *time.Time        `json:"last_ack,omitempty"`
	OldestUnacked *time.Time        `json:"oldest_unacked,omitempty"`
	LastNack      *Nack             `json:"last_nack,omitempty"`
}

// Nack is an Envoy's refusal.
type Nack struct {
	At          time.Time `json:"at"`
	ServiceName string    `json:"service_name"`
	Text        string    `json:"text"`
}

// Proxies answers GET /api/v1/proxies.
type Proxies struct {
	Proxies []Proxy `json:"proxies"`
}

// Override is an operator's word.
type Override struct {
	ID        string        `json:"id"`
	Cluster   string        `json:"cluster"` // empty for every cluster
	Hosts     []string      `json:"hosts"`   // empty for every host of the cluster
	Action    health.Action `json:"action"`
	CreatedBy string        `json:"created_by"`
	Comment   string        `json:"comment"`
	Link      string        `json:"link,omitempty"` // to a ticket or the like
	CreatedAt time.Time     `json:"created_at"`
	EndsAt    time.Time     `json:"ends_at"`
	EndedAt   *time.Time    `json:"ended_at,omitempty"` // when an operator ended it early
	Active    bool          `json:"active"`
}

// Overrides answers GET /api/v1/overrides.
type Overrides struct {
	Overrides []Override `json:"overrides"`
}

// NewOverride is the body of POST /api/v1/overrides. Either Duration or EndsAt says how long.
type NewOverride struct {
	Cluster   string        `json:"cluster,omitempty"`
	Hosts     []string      `json:"hosts,omitempty"`
	Action    health.Action `json:"action"`
	CreatedBy string        `json:"created_by"`
	Comment   string        `json:"comment"`
	Link      string        `json:"link,omitempty"`
	Duration  string        `json:"duration,omitempty"`
	EndsAt    time.Time     `json:"ends_at,omitzero"`
	Force     bool          `json:"force,omitempty"` // also if it ejects the last healthy host
}

// Reset is the body of POST /api/v1/hosts/reset; the empty one is for all hosts.
type Reset struct {
	Cluster string `json:"cluster,omitempty"`
	Host    string `json:"host,omitempty"`
}

// ResetDone answers POST /api/v1/hosts/reset.
type ResetDone struct {
	Reset string `json:"reset"` // the host, or all
}

// Events answers GET /api/v1/events.
type Events struct {
	Events []journal.Event `json:"events"`
}

// Error is what a request that failed is told.
type Error struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Field   string `json:"field,omitempty"`

	Faults []config.Fault `json:"faults,omitempty"` // of a refused configuration, all of them
}

// Failure is the body of every answer that is not a success.
type Failure struct {
	Error Error `json:"error"`
}
