package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/config"
	"github.com/envoy-passive-health/passive-health/cmd/passive-health/webhook"
	"github.com/envoy-passive-health/passive-health/health"
)

// TestRefusedAtStart starts the program with secrets that are none: it ends before it listens.
func TestRefusedAtStart(t *testing.T) {
	dir := t.TempDir()
	short := filepath.Join(dir, "short")
	if err := os.WriteFile(short, []byte("letmein\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for yaml, want := range map[string]string{
		"listen: {admin: 0.0.0.0:0}":                                      "admin.token_file",
		"admin: {token_file: " + short + "}":                              "not at least 16",
		"admin: {token_file: " + dir + "/nowhere}":                        "admin.token_file: open",
		"webhooks: [{url: 'http://a', secret_file: " + dir + "/nowhere}]": "webhooks[0].secret_file: open",
	} {
		path := filepath.Join(dir, "config.yaml")
		if err := os.WriteFile(path, []byte(yaml), 0o600); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if got := run(t.Context(), []string{"serve", "--config", path}, &out, &out); got != exitUnable || !strings.Contains(out.String(), want) {
			t.Errorf("%s: exit code %d, %s", yaml, got, &out)
		}
	}
}

// TestWebhookGetsTransitions holds the wiring: what the loop tells goes to the receiver, signed with the file's key.
func TestWebhookGetsTransitions(t *testing.T) {
	const key = "correct horse battery staple"
	taken := make(chan error, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		want := "v1=" + webhook.Sign([]byte(key), r.Header.Get(webhook.TimestampHeader), data)
		got, isIt := r.Header.Get(webhook.SignatureHeader), bytes.Contains(data, []byte("passive-health.cluster.failing"))
		if err == nil && (got != want || !isIt) {
			err = fmt.Errorf("signature %s, want %s, of %s", got, want, data)
		}
		taken <- err
	}))
	defer receiver.Close()
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(key), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Parse("f", fmt.Appendf(nil, "webhooks: [{url: %q, secret_file: %q}]", receiver.URL, file))
	if err != nil {
		t.Fatal(err)
	}
	s, err := newService(t.Context(), "", c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	defer running.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	running.Go(func() { s.webhooks[0].Run(ctx) })
	s.told([]health.Transition{{Kind: health.ClusterFailing, At: time.Now(), Host: health.Host{Cluster: "web"}}})
	select {
	case err := <-taken:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("nothing was sent in 10s")
	}
	problems, err := testutil.CollectAndLint(webhookCollector{s.webhooks})
	if err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v %v", problems, err)
	}
}
