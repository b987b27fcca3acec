// Package envoy holds the Envoy configurations that users copy, and runs real Envoys with them.
//
// A [Sample] is one of the yaml files beside this comment, just as it is shipped. [Render] moves a sample to other
// addresses and touches nothing else, so that the demo and the tests run the settings that users get. [Start] runs an
// Envoy of the version that .envoy-version names; the [Process] answers what its admin interface knows and never
// outlives the program that started it.
package envoy
