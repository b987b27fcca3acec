// Command passive-health takes failing upstream hosts out of rotation for a whole fleet of Envoys.
//
// It is the only place where the rooms meet: processor and xds are the sensors and the actuator, health the rules
// between them, and the files here wire them together, one file for each verb.
package main

import (
	"context"
	"os"
)

func main() { os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) }
