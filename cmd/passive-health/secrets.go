package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin"
	"github.com/envoy-passive-health/passive-health/cmd/passive-health/config"
)

// secrets are what the configuration keeps in files of their own.
type secrets struct {
	adminToken  string
	webhookKeys [][]byte // as many as webhooks; nil where there is none
}

func readSecrets(c *config.Config) (secrets, error) {
	var s secrets
	var faults []error
	read := func(key, path string) string {
		secret, err := readSecret(key, path)
		faults = append(faults, err)
		return secret
	}
	s.adminToken = read("admin.token_file", c.Admin.TokenFile)
	for i, w := range c.Webhooks {
		s.webhookKeys = append(s.webhookKeys, []byte(read(fmt.Sprintf("webhooks[%d].secret_file", i), w.SecretFile)))
	}
	return s, errors.Join(faults...)
}

// readSecret returns a file's content without the space around it, "" for no path. What could be guessed is refused.
func readSecret(key, path string) (string, error) {
	const least = 16
	if path == "" {
		return "", nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("%s: %w", key, err)
	}
	secret := strings.TrimSpace(string(data))
	if len(secret) < least {
		return "", fmt.Errorf("%s: %s holds %d bytes, not at least %d", key, path, len(secret), least)
	}
	return secret, nil
}

// access is what the configuration says of the admin listener.
func access(c *config.Config, s secrets) admin.Access {
	return admin.Access{
		Token: s.adminToken, ReadsNeed: !c.Admin.AllowReads, ReadOnly: c.Admin.ReadOnly, AllowedHosts: c.Admin.Hosts,
	}
}
