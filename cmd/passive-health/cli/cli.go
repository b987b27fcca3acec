// Package cli holds the verbs that ask and steer a running service, one file for each. They know the service by its
// admin API only, and show its words as they are: what a verb prints, the page and the log say too.
package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"

	"github.com/spf13/cobra"

	"github.com/envoy-passive-health/passive-health/health"
)

// Options are what the verbs take from their program.
type Options struct {
	// Dial opens connections to the service; nil for the network's own.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Color says whether to write colours to out; nil for never.
	Color func(out io.Writer) bool
}

// UsageError is the error of a verb that was asked for in a way that it cannot be.
type UsageError struct{ error }

// Unwrap returns the error itself.
func (e UsageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return UsageError{fmt.Errorf(format, args...)} }

// Commands returns the verbs.
func Commands(o Options) []*cobra.Command {
	s := &session{Options: o}
	verbs := []*cobra.Command{
		s.statusCommand(), s.clustersCommand(), s.hostsCommand(), s.whyCommand(), s.topCommand(), s.eventsCommand(), s.proxiesCommand(),
		s.orderCommand(health.ActionEject), s.orderCommand(health.ActionKeep), s.orderCommand(health.ActionPause),
		s.overridesCommand(), s.resetCommand(), s.configCommand(),
	}
	for _, verb := range verbs {
		s.addFlags(verb)
	}
	return verbs
}

// session is what one run of a verb has been told.
type session struct {
	Options

	server server
	token  string // the file with the bearer token, "" for none
	format format
}

func (s *session) addFlags(cmd *cobra.Command) {
	flags := cmd.PersistentFlags()
	s.server = server{text: envOr("PASSIVEHEALTH_SERVER", defaultServer)}
	s.format = formatTable
	flags.Var(&s.server, "server", "the service's admin listener, a URL or unix:/path; PASSIVEHEALTH_SERVER sets it too")
	flags.StringVar(&s.token, "token-file", os.Getenv("PASSIVEHEALTH_TOKEN_FILE"),
		"`file` with the bearer token, where the service wants one; PASSIVEHEALTH_TOKEN_FILE sets it too")
	flags.VarP(&s.format, "output", "o", "table, wide or json")
}

func envOr(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

// format is how a verb answers.
type format string

// The formats.
const (
	formatTable format = "table"
	formatWide  format = "wide" // a table with every column
	formatJSON  format = "json" // the API's own answer
)

// String, Set and Type are pflag.Value.
func (f *format) String() string { return string(*f) }

// Set takes one of the formats.
func (f *format) Set(text string) error {
	switch format(text) {
	case formatTable, formatWide, formatJSON:
		*f = format(text)
		return nil
	}
	return fmt.Errorf("%q is not table, wide or json", text)
}

// Type names the value in the help.
func (f *format) Type() string { return "format" }

// show asks the service for path and prints the answer, as it is or by draw, which gets it decoded.
func show[T any](cmd *cobra.Command, s *session, path string, draw func(p *printer, answer *T)) error {
	c, err := s.client()
	if err != nil {
		return err
	}
	a, err := c.get(cmd.Context(), path)
	if err != nil {
		return err
	}
	return present(cmd, s, a, draw)
}

// present prints an answer.
func present[T any](cmd *cobra.Command, s *session, a answer, draw func(p *printer, answer *T)) error {
	if s.format == formatJSON {
		return writeJSON(cmd.OutOrStdout(), a.body)
	}
	var decoded T
	if err := json.Unmarshal(a.body, &decoded); err != nil {
		return fmt.Errorf("the service's answer: %w", err)
	}
	p := s.printer(cmd.OutOrStdout(), a)
	draw(p, &decoded)
	return p.flush()
}

func (s *session) printer(out io.Writer, a answer) *printer {
	return &printer{out: out, now: a.at, wide: s.format == formatWide, color: s.Color != nil && s.Color(out)}
}

// query returns path with the parameters that are not empty.
func query(path string, parameters map[string]string) string {
	values := url.Values{}
	for k, v := range parameters {
		if v != "" {
			values.Set(k, v)
		}
	}
	if len(values) == 0 {
		return path
	}
	return path + "?" + values.Encode()
}
