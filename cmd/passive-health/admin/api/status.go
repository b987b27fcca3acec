package api

import (
	"time"

	"github.com/envoy-passive-health/passive-health/xds"
)

// The modes of a Status.
const (
	ModeEnforcing = "enforcing"
	ModeShadow    = "shadow" // no cluster is enforced
	ModePaused    = "paused" // an operator paused every cluster
	ModeMixed     = "mixed"  // some of each
)

// Status answers GET /api/v1/status: the service as a whole.
type Status struct {
	Version    string                 `json:"version"`
	StartedAt  time.Time              `json:"started_at"`
	Mode       string                 `json:"mode"`
	ConfigHash string                 `json:"config_hash"`
	Proxies    map[xds.ProxyState]int `json:"proxies"` // Envoys by state
	Ready      bool                   `json:"ready"`
	Conditions []Condition            `json:"conditions"` // what being ready takes
}

// Condition is one thing that must hold before the service is ready.
type Condition struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
}
