package envoytest

import (
	"bytes"
	"encoding/json"
	"sync"
)

// LogEntry is one line of the service's log, by attribute.
type LogEntry map[string]any

func (e LogEntry) text(key string) string {
	text, _ := e[key].(string)
	return text
}

// serviceLog keeps what the service writes to stderr.
type serviceLog struct {
	mu  sync.Mutex
	all bytes.Buffer
}

// Write is io.Writer.
func (l *serviceLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(p)
}

// String returns everything.
func (l *serviceLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}

// Logged returns what the service, since it was last started, has logged of an event.
func (s *Service) Logged(event string) []LogEntry {
	var found []LogEntry
	for line := range bytes.Lines([]byte(s.log.String())) {
		var e LogEntry
		if json.Unmarshal(line, &e) == nil && e.text("event") == event {
			found = append(found, e)
		}
	}
	return found
}
