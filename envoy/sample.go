package envoy

import (
	"embed"
	"fmt"
)

// Sample is a shipped Envoy configuration, by its file name.
type Sample string

// The samples. Each is complete; its first lines say whom it is for.
const (
	ErrorsOnly   Sample = "envoy.yaml"         // the default: only errors are reported
	AllResponses Sample = "all-responses.yaml" // every response is reported
	Retries      Sample = "retries.yaml"       // for exact statuses of retried attempts
	GRPC         Sample = "grpc.yaml"          // for failing gRPC trailers
	AccessLog    Sample = "access-log.yaml"    // the router's access log as the sensor
)

//go:embed *.yaml
var files embed.FS

// Samples returns every shipped sample.
func Samples() []Sample { return []Sample{ErrorsOnly, AllResponses, Retries, GRPC, AccessLog} }

// YAML returns the sample as it is shipped. It fails for a name that is none of the samples.
func (s Sample) YAML() ([]byte, error) {
	data, err := files.ReadFile(string(s))
	if err != nil {
		return nil, fmt.Errorf("no sample %q among %q", string(s), Samples())
	}
	return data, nil
}
