// Package bench holds what is measured on real Envoys and is too long, or too dependent on the machine, for a test. Its
// files have the build tag bench; the Makefile's bench targets run them.
package bench
