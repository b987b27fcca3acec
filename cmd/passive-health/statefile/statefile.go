// Package statefile keeps the tracker's state in a file, so that a restart continues the marks that every Envoy
// still holds: each has a deadline of its own, and neither ends early nor outlives it.
package statefile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/envoy-passive-health/passive-health/health"
)

// File is a state file. Make one with New.
type File struct {
	path    string
	tracker *health.Tracker
	logger  *slog.Logger
	failed  atomic.Bool

	// wake has room for one: a full channel already says that there is something to save.
	wake chan struct{}
}

// New returns the state file at path. An empty path keeps nothing: every method is then without effect.
func New(path string, tracker *health.Tracker, logger *slog.Logger) *File {
	return &File{path: path, tracker: tracker, logger: logger, wake: make(chan struct{}, 1)}
}

// Load restores the tracker's state, after its clusters were set and before anything is published. A file that is
// missing means no state; one that cannot be read or understood means no marks and a warning: a service that starts
// without marks is better than one that does not start.
func (f *File) Load(now time.Time) {
	if f.path == "" {
		return
	}
	if err := f.load(now); err != nil && !errors.Is(err, fs.ErrNotExist) {
		f.logger.Warn("starting without marks", "event", "state.unreadable", "path", f.path, "error", err)
	}
}

func (f *File) load(now time.Time) error {
	data, err := os.ReadFile(f.path)
	if err != nil {
		return fmt.Errorf("read state: %w", err)
	}
	state, err := health.UnmarshalSaved(data)
	if err != nil {
		return fmt.Errorf("read state: %w", err)
	}
	f.tracker.Restore(now, state)
	return nil
}

// Changed asks Run for a save soon. It never blocks.
func (f *File) Changed() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// Run saves after each Changed until ctx is done, and a last time then. It has a goroutine of its own, because a
// slow disk must not delay a publication.
func (f *File) Run(ctx context.Context) {
	if f.path == "" {
		return
	}
	for {
		select {
		case <-f.wake:
			f.save()
		case <-ctx.Done():
			f.save()
			return
		}
	}
}

// Failed says whether the last save failed.
func (f *File) Failed() bool { return f.failed.Load() }

func (f *File) save() {
	err := f.write()
	f.failed.Store(err != nil)
	if err != nil {
		f.logger.Error("state is not saved", "event", "state.unsaved", "path", f.path, "error", err)
	}
}

func (f *File) write() error {
	data, err := json.Marshal(f.tracker.Save())
	if err != nil {
		return fmt.Errorf("encode state: %w", err)
	}
	return replace(f.path, data)
}

// replace puts data into the file at path whole or not at all, also when the machine stops in the middle.
func replace(path string, data []byte) error {
	temp, err := os.OpenFile(path+".tmp", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	_, err = temp.Write(data)
	err = errors.Join(err, temp.Sync(), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync state: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync state: %w", err)
	}
	return nil
}
