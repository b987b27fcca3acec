package processor

import "github.com/envoy-passive-health/passive-health/health"

// The HTTP statuses that exist, and the largest gRPC status.
const (
	minStatus     = 100
	maxStatus     = 599
	maxGRPCStatus = 16
)

// httpStatus reads a ":status" header: three digits, 100 to 599. Anything else is 0.
func httpStatus(b []byte) int {
	if len(b) != 3 {
		return 0
	}
	n, ok := digits(b)
	if !ok || n < minStatus || n > maxStatus {
		return 0
	}
	return n
}

// grpcStatus reads a "grpc-status" header: one or two digits, 0 to 16. Anything else is no evidence.
func grpcStatus(b []byte) (code health.GRPCStatus, ok bool) {
	if len(b) == 0 || len(b) > 2 {
		return 0, false
	}
	n, ok := digits(b)
	if !ok || n > maxGRPCStatus {
		return 0, false
	}
	return health.GRPCStatus(n), true //nolint:gosec // at most 16
}

// digits reads a short decimal number without a sign.
func digits(b []byte) (n int, ok bool) {
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

// wholeStatus reads the response.code attribute, a float64 on the wire. Anything but 100 to 599 is 0, NaN too.
func wholeStatus(number float64) int {
	if number >= minStatus && number <= maxStatus && number == float64(int(number)) {
		return int(number)
	}
	return 0
}
