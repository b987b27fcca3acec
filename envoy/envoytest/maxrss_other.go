//go:build !linux

package envoytest

// maxrssUnit is what getrusage(2) counts memory in: bytes, on macOS.
const maxrssUnit = 1
