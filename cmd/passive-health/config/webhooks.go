package config

import (
	"net/url"

	"go.yaml.in/yaml/v4"
)

// Webhook is one receiver of events.
type Webhook struct {
	URL        string   // http or https
	SecretFile string   // holds the key that signs what is sent; empty for no signature
	Events     []string // by name; empty for the default ones
}

// EventNames are the events that there are, in the words of the log.
func EventNames() []string {
	return []string{
		"host.ejected", "host.probation", "host.recovered", "eject.refused", "cluster.failing", "cluster.passed",
		"override.created", "override.ended", "config.reloaded", "config.rejected", "xds.nack", "proxy.connected", "proxy.gone", "audit",
	}
}

// maxWebhooks bounds the receivers: each has a queue and a goroutine.
const maxWebhooks = 16

func (d *decoder) webhooks(to *[]Webhook) field {
	return func(n *yaml.Node, path string) {
		d.list(n, path, func(n *yaml.Node, path string) {
			var w Webhook
			d.object(n, path, map[string]field{
				"url":         d.httpURL(&w.URL),
				"secret_file": d.text(&w.SecretFile, 0, maxPath),
				"events":      d.eventNames(&w.Events),
			})
			if valueOf(n, "url") == n {
				d.faultf(n, path+".url", "is missing: where to send events")
			}
			*to = append(*to, w)
		})
		if len(*to) > maxWebhooks {
			d.faultf(n, path, "%d webhooks are more than %d", len(*to), maxWebhooks)
		}
	}
}

func (d *decoder) httpURL(to *string) field {
	return func(n *yaml.Node, path string) {
		u, err := url.Parse(n.Value)
		if n.Kind != yaml.ScalarNode || err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			d.faultf(n, path, "%s is not a URL with http or https", describe(n))
			return
		}
		*to = n.Value
	}
}

func (d *decoder) eventNames(to *[]string) field {
	return func(n *yaml.Node, path string) {
		d.list(n, path, func(n *yaml.Node, path string) {
			var name string
			word(d, &name, EventNames()...)(n, path)
			*to = append(*to, name)
		})
	}
}
