package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// printer writes one answer for people to read. A write that fails is kept for flush.
type printer struct {
	out   io.Writer
	now   time.Time // the service's
	wide  bool
	color bool

	text bytes.Buffer
}

func (p *printer) linef(format string, args ...any) { fmt.Fprintf(&p.text, format+"\n", args...) }

// table writes rows below a head, each column as wide as its widest cell, the last one as it comes.
func (p *printer) table(head []string, rows [][]string) {
	widths := make([]int, len(head))
	all := append([][]string{head}, rows...)
	for _, row := range all {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for n, row := range all {
		var line strings.Builder
		for i, cell := range row {
			padding := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2)
			if n > 0 {
				cell = p.paint(cell)
			}
			line.WriteString(cell + padding)
		}
		p.linef("%s", strings.TrimRight(line.String(), " "))
	}
}

// The colours of words that stand alone in a cell. A colour never says what no word says.
var paints = map[string]string{
	"ejected": "\x1b[31m", "UNHEALTHY": "\x1b[31m", "nacked": "\x1b[31m", "no": "\x1b[33m",
	"probation": "\x1b[33m", "stale": "\x1b[33m", "healthy": "\x1b[32m", "HEALTHY": "\x1b[32m", "synced": "\x1b[32m",
}

func (p *printer) paint(word string) string {
	if paint := paints[word]; p.color && paint != "" {
		return paint + word + "\x1b[0m"
	}
	return word
}

// ago says how long ago an instant was, "-" if there is none.
func (p *printer) ago(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return short(p.now.Sub(*t))
}

// left says how long until an instant, "-" if there is none.
func (p *printer) left(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return short(t.Sub(p.now))
}

func (p *printer) flush() error {
	_, err := p.out.Write(p.text.Bytes())
	return err
}

// short is a duration in seconds, minutes or hours, whichever are whole enough: "45s", "12m", "23h59m".
func short(d time.Duration) string {
	d = max(d, 0).Round(time.Second)
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	default:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
}

func clock(t time.Time) string { return t.Format("15:04:05") }

func writeJSON(out io.Writer, body []byte) error {
	var indented bytes.Buffer
	if err := json.Indent(&indented, bytes.TrimSpace(body), "", "  "); err != nil {
		return fmt.Errorf("the service's answer: %w", err)
	}
	indented.WriteByte('\n')
	_, err := out.Write(indented.Bytes())
	return err
}
