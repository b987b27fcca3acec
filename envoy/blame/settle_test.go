package blame_test

import (
	"testing"
)

// settle returns when nothing that has happened can still be waiting in the service: every load report that may count it
// has come, and what it left unexplained has waited its time, which is half a second at least. The clock is the
// reports'.
func (r *rig) settle(t *testing.T) {
	t.Helper()
	const reports = 10 // at the 200ms that tests choose two seconds
	r.awaitReports(t, reports)
}
