// Package loop_test runs the whole loop as it is used: the real program, the shipped Envoy configurations and real
// hosts. What a user is promised is asserted here, one file for each promise.
package loop_test
