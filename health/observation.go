package health

import "strconv"

// Outcome says how an attempt at a host ended, as a sensor saw it. Whether it counts as an error is for the
// cluster's Policy to say.
type Outcome uint8

// The outcomes. Everything but Response and Volume is a failure that Envoy itself found.
const (
	Response       Outcome = iota // the host answered: Status and GRPC say what
	ConnectFailure                // no connection: refused, unreachable or not in time
	Reset                         // the host reset or closed before its response headers, or sent garbage
	Timeout                       // connected, but no response headers in time
	LateReset                     // the host reset or closed after its response headers
	Hidden                        // failed by Envoy's load report; no other sensor has shown it
	Volume                        // no attempt of its own: Requests finished, as a load report says
)

var outcomeNames = [...]string{
	"response", "connect_failure", "reset", "timeout", "late_reset", "hidden", "volume",
}

// String returns the outcome's name as it stands in metrics and the API.
func (o Outcome) String() string {
	if int(o) < len(outcomeNames) {
		return outcomeNames[o]
	}
	return "invalid"
}

// Observation is one fact about one host: the only way in which traffic reaches the rules.
type Observation struct {
	Host     Host
	Reporter string // the Envoy that saw it (xds.node.id); empty if it did not say
	Route    string // xds.route_name; empty if it was not sent
	Outcome  Outcome
	Status   int        // with Response: the HTTP status, 100 to 599, or 0 if only GRPC is known
	GRPC     GRPCStatus // with Response: the gRPC status, OK for plain HTTP
	Count    int        // so many equal facts; 0 is taken as 1
	Requests int        // finished requests this adds to the host's volume; 0 where another sensor counts them
}

// Cause is what an error was, small enough to be kept with each one.
type Cause struct {
	Outcome Outcome    `json:"outcome,omitempty"`
	GRPC    GRPCStatus `json:"grpc,omitempty"`
	Status  uint16     `json:"status,omitempty"`
}

// String returns the cause as it stands in metrics, logs and the API: "503", "grpc UNAVAILABLE", "timeout".
func (c Cause) String() string {
	switch {
	case c.Outcome != Response:
		return c.Outcome.String()
	case c.GRPC != 0:
		return "grpc " + c.GRPC.String()
	default:
		return strconv.Itoa(int(c.Status))
	}
}
