package check_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

const root = "../../.."

// load reads docker-compose.yaml as Docker Compose does, with its schema and its rules.
func load(t *testing.T) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{filepath.Join(root, "docker-compose.yaml")}, cli.WithName("passive-health"))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestServices(t *testing.T) {
	want := []string{"client", "envoy-a", "envoy-b", "passive-health", "web-1", "web-2", "web-3"}
	if got := load(t).ServiceNames(); !slices.Equal(got, want) {
		t.Errorf("services %v, want %v", got, want)
	}
}

// Nothing floats: an image is built here, or is the Envoy of the version that everything else is tested with.
func TestImages(t *testing.T) {
	pinned := "envoyproxy/envoy:v" + strings.TrimSpace(read(t, ".envoy-version"))
	for name, service := range load(t).Services {
		switch {
		case service.Build != nil:
			if _, err := os.Stat(filepath.Join(service.Build.Context, service.Build.Dockerfile)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		case service.Image != pinned:
			t.Errorf("%s: image %q, want %q", name, service.Image, pinned)
		}
	}
}

// What is mounted is there: for a path that is not, Docker would make an empty folder.
func TestMounts(t *testing.T) {
	mounts := map[string]string{}
	for name, service := range load(t).Services {
		for _, volume := range service.Volumes {
			if info, err := os.Stat(volume.Source); err != nil || !info.Mode().IsRegular() || !volume.ReadOnly {
				t.Errorf("%s: %s is not a file mounted read-only (%v)", name, volume.Source, err)
			}
			mounts[name] = filepath.Base(volume.Source) + " " + volume.Target
		}
	}
	for name, want := range map[string]string{
		"envoy-a":        "envoy.yaml /etc/envoy/envoy.yaml",
		"envoy-b":        "envoy.yaml /etc/envoy/envoy.yaml",
		"passive-health": "passive-health.yaml /etc/passive-health/passive-health.yaml",
	} {
		if mounts[name] != want {
			t.Errorf("%s mounts %q, want %q", name, mounts[name], want)
		}
		if _, path, _ := strings.Cut(want, " "); !slices.Contains(load(t).Services[name].Command, path) {
			t.Errorf("%s: command %q does not read %s", name, load(t).Services[name].Command, path)
		}
	}
}

// Each container but the client, which nobody waits for, says when it is ready, and whoever needs it waits for that.
func TestHealthChecks(t *testing.T) {
	project := load(t)
	for name, service := range project.Services {
		if name != "client" && (service.HealthCheck == nil || len(service.HealthCheck.Test) < 2) {
			t.Errorf("%s has no health check", name)
		}
		for needed, condition := range service.DependsOn {
			if condition.Condition != types.ServiceConditionHealthy || project.Services[needed].Name == "" {
				t.Errorf("%s waits for %s to be %q", name, needed, condition.Condition)
			}
		}
	}
}

// Nobody runs as root: Envoys by their user here, ours by the Dockerfile's. And what is published is so on loopback only.
func TestPrivileges(t *testing.T) {
	if !regexp.MustCompile(`(?m)^USER [1-9]\d*:[1-9]\d*$`).MatchString(read(t, "cmd/passive-health/Dockerfile")) {
		t.Error("the Dockerfile names no user by number other than 0")
	}
	for name, service := range load(t).Services {
		if service.Build == nil && !regexp.MustCompile(`^[1-9]\d*:[1-9]\d*$`).MatchString(service.User) {
			t.Errorf("%s runs as %q", name, service.User)
		}
		bounded := slices.Contains(service.SecurityOpt, "no-new-privileges:true") && slices.Equal(service.CapDrop, []string{"ALL"})
		if service.Privileged || !bounded {
			t.Errorf("%s has privileges it does not need", name)
		}
		for _, port := range service.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s: port %d is published on %q, want 127.0.0.1", name, port.Target, port.HostIP)
			}
		}
	}
}

// The containers speak on the ports that the mounted configurations name.
func TestPorts(t *testing.T) {
	sample, config := read(t, "envoy/envoy.yaml"), read(t, "envoy/compose/passive-health.yaml")
	for _, port := range []string{"18401", "18402"} {
		if !strings.Contains(sample, "{address: passive-health, port_value: "+port+"}") || !strings.Contains(config, "0.0.0.0:"+port) {
			t.Errorf("Envoy and the service do not meet at port %s", port)
		}
	}
	for place, port := range map[string]string{"listeners": "0.0.0.0, port_value: 10000", "admin": "127.0.0.1, port_value: 9901"} {
		if !strings.Contains(sample, "{address: "+port+"}") {
			t.Errorf("%s: Envoy is not at %s, where it is published or probed", place, port)
		}
	}
	for name, want := range map[string]string{
		"envoy-a": "10000:10000", "envoy-b": "10001:10000", "passive-health": "18403:18403",
	} {
		var got []string
		for _, port := range load(t).Services[name].Ports {
			got = append(got, fmt.Sprintf("%s:%d", port.Published, port.Target))
		}
		if !slices.Equal(got, []string{want}) {
			t.Errorf("%s publishes %v, want %s", name, got, want)
		}
	}
}

// The service's hosts are the containers, and both Envoys get the client's traffic under ids of their own.
func TestNames(t *testing.T) {
	project, config := load(t), read(t, "envoy/compose/passive-health.yaml")
	for name, service := range project.Services {
		switch {
		case strings.HasPrefix(name, "web-"):
			if !strings.Contains(config, "- "+name+":8080\n") || !slices.Contains(service.Command, name) {
				t.Errorf("%s is not a host of the service under its name, or does not know it", name)
			}
		case strings.HasPrefix(name, "envoy-"):
			if i := slices.Index(service.Command, "--service-node"); i < 0 || service.Command[i+1] != name {
				t.Errorf("%s runs %q, not under its name", name, service.Command)
			}
			if url := "http://" + name + ":10000/"; !slices.Contains(project.Services["client"].Command, url) {
				t.Errorf("the client does not send to %s", url)
			}
		}
	}
}

// What the Dockerfile copies is there, and it builds with the Go that go.mod asks for.
func TestDockerfile(t *testing.T) {
	dockerfile := read(t, "cmd/passive-health/Dockerfile")
	for _, line := range regexp.MustCompile(`(?m)^COPY ([^-\n]+) \S+$`).FindAllStringSubmatch(dockerfile, -1) {
		for source := range strings.FieldsSeq(line[1]) {
			if _, err := os.Stat(filepath.Join(root, source)); err != nil {
				t.Errorf("COPY: %v", err)
			}
		}
	}
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "go.mod"))
	if want := "FROM golang:" + version[1] + " "; !strings.Contains(dockerfile, want) {
		t.Errorf("the Dockerfile does not say %q", want)
	}
}
