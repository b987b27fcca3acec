// Package monitoring holds what Prometheus needs: alerts, their tests and their runbooks. `make test-rules` runs the tests
// with promtool.
package monitoring
