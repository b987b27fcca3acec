package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/config"
	"github.com/envoy-passive-health/passive-health/health"
	"github.com/envoy-passive-health/passive-health/processor"
)

func explainCommand() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "explain [FILE]",
		Short: "Say what becomes of one recorded message, and why",
		Long: "Read one ext_proc ProcessingRequest, as JSON or as protobuf bytes, from FILE or from standard input, and say which " +
			"host it charges, by which rule, or why it charges none. With a configuration, say also whether its policy counts it.",
		Example: `  passive-health explain --config passive-health.yaml message.json`,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			message, err := readMessage(cmd.InOrStdin(), args)
			if err != nil {
				return unable{err}
			}
			return explain(cmd.OutOrStdout(), message, path)
		},
	}
	cmd.Flags().StringVar(&path, "config", "", "the configuration `file` whose policy is asked")
	return cmd
}

// maxRecorded bounds what is read: JSON of the largest message takes a few times as much.
const maxRecorded = 16 * processor.MaxMessage

// readMessage returns the bytes of the ProcessingRequest, whichever form it is in.
func readMessage(stdin io.Reader, args []string) ([]byte, error) {
	name, in := "standard input", stdin
	if len(args) > 0 && args[0] != "-" {
		file, err := os.Open(args[0])
		if err != nil {
			return nil, fmt.Errorf("message: %w", err)
		}
		defer file.Close()
		name, in = args[0], file
	}
	data, err := io.ReadAll(io.LimitReader(in, maxRecorded+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("message: %w", err)
	case len(data) > maxRecorded:
		return nil, fmt.Errorf("message: %s is larger than %d bytes", name, maxRecorded)
	case !bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")): // no ProcessingRequest has a field that begins so
		return data, nil
	}
	var request extprocv3.ProcessingRequest
	if err := protojson.Unmarshal(data, &request); err != nil {
		return nil, fmt.Errorf("message: %s: %w", name, err)
	}
	return proto.Marshal(&request)
}

func explain(w io.Writer, message []byte, path string) error {
	e, err := processor.Explain(message)
	if err != nil {
		return err
	}
	charged, err := verdict(&e, path)
	if err != nil {
		return err
	}
	host := "none"
	if e.Observation.Host.Address.IsValid() {
		host = e.Observation.Host.String()
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range [][2]string{
		{"host", host},
		{"reporter", cmp.Or(e.Observation.Reporter, "not said")},
		{"route", cmp.Or(e.Observation.Route, "not said")},
		{"outcome", outcome(&e)},
		{"rule", e.Rule},
		{"charged", charged},
		{"load report", loadReport(&e)},
	} {
		fmt.Fprintf(t, "%s:\t%s\n", row[0], row[1])
	}
	return t.Flush()
}

// outcome says what was observed: "response 503", "response 200 grpc UNAVAILABLE", "timeout", or why nothing was.
func outcome(e *processor.Explanation) string {
	o := &e.Observation
	switch {
	case e.Drop != "":
		return "none (" + string(e.Drop) + ")"
	case o.Outcome != health.Response:
		return o.Outcome.String()
	}
	text := o.Outcome.String()
	if o.Status != 0 {
		text += fmt.Sprintf(" %d", o.Status)
	}
	if o.GRPC != 0 {
		text += " grpc " + o.GRPC.String()
	}
	return text
}

// loadReport says what Envoy's load report has of the same attempt.
func loadReport(e *processor.Explanation) string {
	if e.Reported {
		return "counts the same failure, which is then not hidden"
	}
	return "counts no failure"
}

// verdict says whether the host is charged, and why not.
func verdict(e *processor.Explanation, path string) (string, error) {
	if e.Drop != "" {
		return "no", nil
	}
	if path == "" {
		return "if the cluster's policy counts it (--config FILE tells)", nil
	}
	c, err := config.Load(path)
	if err != nil {
		return "", unable{err}
	}
	for i := range c.Clusters {
		if c.Clusters[i].Name == e.Observation.Host.Cluster {
			return judge(&c.Clusters[i].Policy, &e.Observation), nil
		}
	}
	return fmt.Sprintf("no, %s has no cluster %q", path, e.Observation.Host.Cluster), nil
}

// judge says what a policy makes of an observation.
func judge(p *health.Policy, o *health.Observation) string {
	switch {
	case p.IsError(o):
		return "yes"
	case o.Outcome == health.Response && p.Ignores(o):
		return "no, an ignore rule covers it"
	case o.Outcome == health.Response:
		return "no, neither error_status_codes nor error_grpc_statuses has it"
	default:
		return fmt.Sprintf("no, count_%ss is false", o.Outcome)
	}
}
