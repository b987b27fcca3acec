package monitoring

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestRunbooksAreThere opens every link of the alerts.
func TestRunbooksAreThere(t *testing.T) {
	links := regexp.MustCompile(`RUNBOOKS\.md#(\S+)`).FindAllStringSubmatch(read(t, "rules.yaml"), -1)
	headings := regexp.MustCompile(`(?m)^## (\S+)$`).FindAllStringSubmatch(read(t, "RUNBOOKS.md"), -1)
	anchors := map[string]bool{}
	for _, heading := range headings {
		anchors[strings.ToLower(heading[1])] = true
	}
	for _, link := range links {
		if !anchors[link[1]] {
			t.Errorf("there is no runbook #%s", link[1])
		}
	}
	if len(links) != len(headings) || len(links) == 0 {
		t.Errorf("%d alerts have links, there are %d runbooks", len(links), len(headings))
	}
}

// TestMetricsExist finds each metric of the alerts in the program's sources, where it is named with or without its prefix.
func TestMetricsExist(t *testing.T) {
	var sources strings.Builder
	for _, pattern := range []string{"../../cmd/passive-health/*.go", "../../cmd/passive-health/admin/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			sources.WriteString(read(t, file))
		}
	}
	for _, name := range regexp.MustCompile(`passive_health_([a-z_]+)`).FindAllStringSubmatch(read(t, "rules.yaml"), -1) {
		short := strings.TrimPrefix(name[1], "config_") // these are named together
		if !strings.Contains(sources.String(), `"`+name[0]+`"`) && !strings.Contains(sources.String(), `"`+name[1]+`"`) &&
			!strings.Contains(sources.String(), `"`+short+`"`) {
			t.Errorf("no metric %s", name[0])
		}
	}
}
