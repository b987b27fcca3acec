package adapt

import "fmt"

// Refusal says why a file cannot be adapted, and where the reason stands.
type Refusal struct { //nolint:errname // it is what adapt says, and reads as such where it is used
	File   string
	Line   int // from 1
	Reason string
	// Handover is yaml for whoever owns the clusters, where that is not this file; mostly empty.
	Handover string
}

// Error says where, and why.
func (r *Refusal) Error() string { return fmt.Sprintf("%s:%d: %s", r.File, r.Line, r.Reason) }

// Note tells the user of something that was left alone or that needs a look, and where it stands.
type Note struct {
	File string
	Line int // from 1
	Text string
}

// String says where, and what.
func (n Note) String() string { return fmt.Sprintf("%s:%d: %s", n.File, n.Line, n.Text) }
