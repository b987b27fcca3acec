package config

import (
	"context"
	"time"
)

// period is how often Watch compares a file's content.
const period = 5 * time.Second

// Watch calls changed when the content of the file at path is no longer the one with the given hash, once for each
// new content, until ctx is done. It compares content, not times or names: Kubernetes swaps a symbolic link above the
// file, and editors replace it. A file that cannot be read is left for the next look.
func Watch(ctx context.Context, path, seen string, changed func()) {
	ticks := time.NewTicker(period)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		data, err := read(path)
		if err != nil {
			continue
		}
		if now := hash(data); now != seen {
			seen = now
			changed()
		}
	}
}
