package main

import (
	"io"
	"log/slog"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/config"
	"github.com/envoy-passive-health/passive-health/health"
)

func newLogger(out io.Writer, c config.Log) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.Level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(out, options))
	}
	return slog.New(slog.NewTextHandler(out, options))
}

// logTransition logs what happened under the names that the event stream uses too.
func logTransition(logger *slog.Logger, t *health.Transition) {
	attributes := []any{"event", string(t.Kind), "cluster", t.Host.Cluster}
	if t.Host.Address.IsValid() {
		attributes = append(attributes, "host", t.Host.Address.String(), "from", t.From, "to", t.To)
	}
	if t.Reason != "" {
		attributes = append(attributes, "reason", string(t.Reason))
	}
	if t.Evidence.Errors > 0 {
		attributes = append(attributes, "errors", t.Evidence.Errors, "reporters", t.Evidence.Reporters)
	}
	if !t.Until.IsZero() {
		attributes = append(attributes, "until", t.Until)
	}
	if t.Override != nil {
		attributes = append(attributes, "override", t.Override.ID, "created_by", t.Override.CreatedBy)
	}
	logger.Info(t.Text(), attributes...)
}
