// Package blame_test holds real Envoys, real hosts and the real service to one sentence: every failure is charged to the
// host that made it, once. README.md beside the samples has the table that comes of it.
package blame_test
