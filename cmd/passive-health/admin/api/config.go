package api

import "github.com/envoy-passive-health/passive-health/cmd/passive-health/config"

// Config answers GET /api/v1/config: what the service runs with.
type Config struct {
	Path     string           `json:"path"` // of the file
	Hash     string           `json:"hash"` // of its content, SHA-256
	Settings []config.Setting `json:"settings"`
}
