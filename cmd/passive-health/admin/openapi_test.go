package admin

import (
	"bytes"
	"encoding/json"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

// contract is openapi.yaml, and which of its answers were seen.
type contract struct {
	t        testing.TB
	document map[string]any
	compiler *jsonschema.Compiler
	mux      *http.ServeMux // knows the document's paths
	seen     map[string]bool
}

func newContract(t testing.TB) *contract {
	t.Helper()
	var document any
	if err := yaml.Unmarshal(openAPI, &document); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	asJSON, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	c := &contract{
		t: t, document: asJSON.(map[string]any), compiler: jsonschema.NewCompiler(), mux: http.NewServeMux(), seen: map[string]bool{},
	}
	c.compiler.AssertFormat()
	if err := c.compiler.AddResource("openapi.json", asJSON); err != nil {
		t.Fatal(err)
	}
	for pattern := range c.operations() {
		c.mux.Handle(pattern, http.NotFoundHandler())
	}
	return c
}

// operations returns the document's operations by "GET /path".
func (c *contract) operations() map[string]map[string]any {
	found := map[string]map[string]any{}
	for path, item := range c.document["paths"].(map[string]any) {
		for method, operation := range item.(map[string]any) {
			found[strings.ToUpper(method)+" "+path] = operation.(map[string]any)
		}
	}
	return found
}

// resolve follows a reference within the document.
func (c *contract) resolve(node map[string]any, pointer string) (map[string]any, string) {
	ref, ok := node["$ref"].(string)
	if !ok {
		return node, pointer
	}
	at := c.document
	for name := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		at = at[name].(map[string]any)
	}
	return at, ref
}

// check holds one answer to the document.
func (c *contract) check(r *http.Request, status int, contentType string, body []byte) {
	c.t.Helper()
	_, pattern := c.mux.Handler(r)
	operation := c.operations()[pattern]
	if operation == nil {
		c.t.Errorf("%s %s is not in the document", r.Method, r.URL.Path)
		return
	}
	method, path, _ := strings.Cut(pattern, " ")
	responses := operation["responses"].(map[string]any)
	key := strconv.Itoa(status)
	if responses[key] == nil {
		key = "default"
	}
	c.seen[pattern+" "+key] = true
	pointer := "#/paths/" + escape(path) + "/" + strings.ToLower(method) + "/responses/" + key
	response, pointer := c.resolve(responses[key].(map[string]any), pointer)
	media := c.media(response, contentType)
	if media == "" {
		c.t.Errorf("%s answers %d with %s, which is not in the document", pattern, status, contentType)
		return
	}
	if strings.HasSuffix(media, "json") {
		c.validate(pointer+"/content/"+escape(media)+"/schema", pattern, body)
	}
}

// media returns the response's media type that is the given one.
func (c *contract) media(response map[string]any, contentType string) string {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return ""
	}
	for media := range response["content"].(map[string]any) {
		if documented, _, err := mime.ParseMediaType(media); err == nil && documented == kind {
			return media
		}
	}
	return ""
}

func (c *contract) validate(pointer, what string, body []byte) {
	c.t.Helper()
	schema, err := c.compiler.Compile("openapi.json" + pointer)
	if err != nil {
		c.t.Fatal(err)
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err == nil {
		err = schema.Validate(instance)
	}
	if err != nil {
		c.t.Errorf("%s: %v in\n%s", what, err, body)
	}
}

// escape writes a key for a JSON pointer in a URL.
func escape(key string) string {
	return strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D", " ", "%20").Replace(key)
}

// TestRoutes holds the document's operations to the handler's.
func TestRoutes(t *testing.T) {
	h := &handler{Options: Options{Gatherer: prometheus.NewRegistry()}}
	var want []string
	for pattern := range h.routes() {
		want = append(want, strings.Replace(pattern, "...}", "}", 1))
	}
	slices.Sort(want)
	got := slices.Sorted(maps.Keys(newContract(t).operations()))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("handler (-), document (+):\n%s", diff)
	}
}

// TestEveryAnswer asks for each answer that the document has, so that each is held to it.
func TestEveryAnswer(t *testing.T) {
	s := open(t)
	s.debug = true
	const word = `{"cluster":"web","hosts":["10.0.0.4:80"],"action":"keep","created_by":"ann","comment":"x","link":"y","duration":"1h"}`
	var made struct{ ID string }
	s.call("POST", "/api/v1/overrides", word, &made)
	s.fail(1, 5)
	s.fail(2, 5)
	s.fail(3, 5)
	s.fail(4, 5)
	for _, path := range []string{
		"/api/v1/status", "/api/v1/clusters", "/api/v1/hosts", "/api/v1/hosts?verdict=sick", "/api/v1/proxies", "/api/v1/overrides",
		"/api/v1/clusters/web/hosts/10.0.0.1:80", "/api/v1/clusters/web/hosts/10.0.0.3:80", "/api/v1/clusters/web/hosts/10.0.0.4:80",
		"/api/v1/clusters/web/hosts/x", "/api/v1/clusters/web/hosts/10.0.0.9:80", "/api/v1/overrides/" + made.ID, "/api/v1/overrides/x",
		"/api/v1/events", "/api/v1/events?since=x", "/api/v1/config", "/api/v1/schema.json", "/api/v1/openapi.yaml", "/healthz",
		"/readyz?verbose", "/metrics", "/debug/pprof/goroutine",
	} {
		s.call("GET", path, "", nil)
	}
	s.debug, s.ready = false, true
	s.call("GET", "/debug/pprof/heap", "", nil)
	s.call("GET", "/readyz", "", nil)
	s.call("DELETE", "/api/v1/overrides/"+made.ID, "", nil)
	s.call("DELETE", "/api/v1/overrides/x", "", nil)
	s.call("POST", "/api/v1/overrides", `{"cluster":"web","action":"eject","created_by":"ann","comment":"x","duration":"1h"}`, nil)
	s.call("POST", "/api/v1/overrides", "{}", nil)
	large := `{"cluster":"` + strings.Repeat("x", maxBody) + `"}`
	for _, body := range []string{"{}", `{"host":"x"}`, `{"cluster":"a","host":"10.0.0.1:80"}`, large} {
		s.call("POST", "/api/v1/hosts/reset", body, nil)
	}
	s.call("POST", "/-/reload", "", nil)
	s.reload = errFaults
	s.call("POST", "/-/reload", "", nil)
	for pattern, operation := range s.contract.operations() {
		for status := range operation["responses"].(map[string]any) {
			if status != "default" && !s.contract.seen[pattern+" "+status] {
				t.Errorf("%s never answered %s", pattern, status)
			}
		}
	}
}
