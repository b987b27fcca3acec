package health

import "slices"

// The HTTP statuses that exist: RFC 9110 section 15 defines the classes 1xx to 5xx.
const (
	minStatus = 100
	maxStatus = 599
)

// StatusSet is a set of HTTP statuses (100 to 599). The zero value is empty. It is comparable and a value: a copy
// is a copy.
type StatusSet [(maxStatus + 64) / 64]uint64

// Statuses returns the set of the given statuses. Those outside 100 to 599 are left out.
func Statuses(codes ...int) StatusSet {
	var s StatusSet
	for _, code := range codes {
		if code >= minStatus && code <= maxStatus {
			s[code/64] |= 1 << (code % 64)
		}
	}
	return s
}

// Has says whether code is in the set. A number that is no HTTP status is in no set.
func (s StatusSet) Has(code int) bool {
	return code >= minStatus && code <= maxStatus && s[code/64]&(1<<(code%64)) != 0
}

// Codes returns the statuses in ascending order.
func (s StatusSet) Codes() []int {
	var codes []int
	for code := minStatus; code <= maxStatus; code++ {
		if s.Has(code) {
			codes = append(codes, code)
		}
	}
	return codes
}

// GRPCStatus is a gRPC status code (0 to 16). 0, OK, also stands for a response that is not gRPC.
type GRPCStatus uint8

// The gRPC statuses that the default policy counts, and the largest one there is
// (https://grpc.io/docs/guides/status-codes/).
const (
	GRPCDeadlineExceeded GRPCStatus = 4
	GRPCInternal         GRPCStatus = 13
	GRPCUnavailable      GRPCStatus = 14
	GRPCDataLoss         GRPCStatus = 15
	maxGRPCStatus        GRPCStatus = 16
)

var grpcNames = [...]string{
	"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
	"PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
	"INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
}

// String returns the status's standard name, such as UNAVAILABLE.
func (g GRPCStatus) String() string {
	if int(g) < len(grpcNames) {
		return grpcNames[g]
	}
	return "invalid"
}

// ParseGRPCStatus returns the status with the given standard name.
func ParseGRPCStatus(name string) (status GRPCStatus, ok bool) {
	i := slices.Index(grpcNames[:], name)
	return GRPCStatus(max(i, 0)), i >= 0 //nolint:gosec // at most 16
}

// GRPCStatusSet is a set of gRPC statuses. The zero value is empty; OK is never in it.
type GRPCStatusSet uint32

// GRPCStatuses returns the set of the given statuses. OK and what is no gRPC status are left out.
func GRPCStatuses(codes ...GRPCStatus) GRPCStatusSet {
	var s GRPCStatusSet
	for _, code := range codes {
		if code > 0 && code <= maxGRPCStatus {
			s |= 1 << code
		}
	}
	return s
}

// Has says whether code is in the set.
func (s GRPCStatusSet) Has(code GRPCStatus) bool { return code <= maxGRPCStatus && s&(1<<code) != 0 }

// Codes returns the statuses in ascending order.
func (s GRPCStatusSet) Codes() []GRPCStatus {
	var codes []GRPCStatus
	for code := range maxGRPCStatus + 1 {
		if s.Has(code) {
			codes = append(codes, code)
		}
	}
	return codes
}
