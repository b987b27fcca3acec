package main

import (
	"os"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/cli"
	"github.com/envoy-passive-health/passive-health/cmd/passive-health/config"
)

// What docker-compose.yaml has our containers run is what this binary understands.
func TestComposeCommands(t *testing.T) {
	data, err := os.ReadFile("../../docker-compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Services map[string]struct {
			Command     []string
			Healthcheck struct{ Test []string }
		}
	}
	if err := yaml.Load(data, &file); err != nil {
		t.Fatal(err)
	}
	for name, service := range file.Services {
		commands := [][]string{service.Command}
		if probe := service.Healthcheck.Test; len(probe) > 1 && probe[1] == "/passive-health" {
			commands = append(commands, probe[2:])
		}
		for _, command := range commands {
			if command[0] != "envoy" {
				assertUnderstood(t, name, command)
			}
		}
	}
}

func assertUnderstood(t *testing.T, service string, command []string) {
	t.Helper()
	verb, args, err := rootCommand(cli.Options{}).Find(command)
	if err == nil {
		err = verb.ParseFlags(args)
	}
	if err == nil {
		err = verb.ValidateArgs(verb.Flags().Args())
	}
	if err != nil || !verb.Runnable() {
		t.Errorf("%s: %q: %v", service, command, err)
	}
}

func TestComposeConfiguration(t *testing.T) {
	c, err := config.Load("../../envoy/compose/passive-health.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Clusters) != 1 || c.Clusters[0].Name != "web" || len(c.Clusters[0].Hosts) != 3 {
		t.Errorf("got %+v, want cluster web with three hosts", c.Clusters)
	}
}
