package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/api"
	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/journal"
)

func (s *session) eventsCommand() *cobra.Command {
	var follow bool
	var since uint64
	cmd := &cobra.Command{
		Use:   "events",
		Short: "List the newest events, or follow them",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if follow {
				return s.follow(cmd, since)
			}
			path := query("/api/v1/events", map[string]string{"since": strconv.FormatUint(since, 10)})
			return show(cmd, s, path, func(p *printer, a *api.Events) { p.events(a.Events) })
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with those to come")
	cmd.Flags().Uint64Var(&since, "since", 0, "begin after the event with this `id`")
	return cmd
}

func (p *printer) events(events []journal.Event) {
	for i := range events {
		p.event(&events[i])
	}
}

func (p *printer) event(e *journal.Event) {
	subject := strings.TrimSpace(e.Cluster + " " + e.Host)
	p.linef("%s  %-16s  %s", clock(e.At), e.Name, strings.TrimSpace(subject+"  "+e.Text))
}

// comeBack is how long follow waits before it asks a service again that has let it go.
const comeBack = time.Second

// follow prints events until the user ends it. A service that goes away or lets a slow reader go is asked again, from
// the last event that arrived; one that was never there is an error.
func (s *session) follow(cmd *cobra.Command, last uint64) error {
	c, err := s.client()
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	for first := true; ; first = false {
		err := c.stream(ctx, &last, func(data []byte) error { return s.printEvent(cmd.OutOrStdout(), data) })
		ended := ctx.Err() != nil // what the user ends is not an error
		if !ended && err != nil && (first || errors.Is(err, errOutput)) {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(comeBack):
		}
	}
}

var errOutput = errors.New("writing events")

func (s *session) printEvent(out io.Writer, data []byte) error {
	if s.format == formatJSON {
		if _, err := fmt.Fprintf(out, "%s\n", data); err != nil {
			return fmt.Errorf("%w: %w", errOutput, err)
		}
		return nil
	}
	var e journal.Event
	if err := json.Unmarshal(data, &e); err != nil {
		return fmt.Errorf("the service's event: %w", err)
	}
	p := s.printer(out, answer{})
	p.event(&e)
	if err := p.flush(); err != nil {
		return fmt.Errorf("%w: %w", errOutput, err)
	}
	return nil
}

// stream reads server-sent events until the service ends them, and keeps the id of the last one. Its error is nil if
// the service could be asked.
func (c *client) stream(ctx context.Context, last *uint64, each func(data []byte) error) error {
	header := http.Header{"Accept": {"text/event-stream"}, "Last-Event-Id": {strconv.FormatUint(*last, 10)}}
	response, err := c.send(ctx, http.MethodGet, "/api/v1/events", nil, header)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	const longest = 1 << 20
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, longest)
	for lines.Scan() {
		if id, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
			if n, err := strconv.ParseUint(id, 10, 64); err == nil {
				*last = n
			}
		}
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			if err := each([]byte(data)); err != nil {
				return err
			}
		}
	}
	return nil
}
