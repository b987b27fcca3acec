package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/journal"
)

// The headers of a signed request. The signature is "v1=" and the HMAC-SHA256, in hexadecimal, of the timestamp, a dot
// and the body; a receiver refuses an old timestamp, so that nobody can send again what he has overheard.
const (
	TimestampHeader = "Passive-Health-Timestamp" // Unix seconds
	SignatureHeader = "Passive-Health-Signature"
)

// body is an event with the attributes that CloudEvents 1.0 requires (https://github.com/cloudevents/spec).
type body struct {
	SpecVersion string        `json:"specversion"`
	ID          string        `json:"id"`
	Source      string        `json:"source"`
	Type        string        `json:"type"`
	Subject     string        `json:"subject,omitempty"`
	Time        time.Time     `json:"time"`
	ContentType string        `json:"datacontenttype"`
	Data        journal.Event `json:"data"`
}

// request returns what is sent of an event at now.
func (w *Webhook) request(ctx context.Context, e *journal.Event, now time.Time) (*http.Request, error) {
	payload, err := json.Marshal(body{
		SpecVersion: "1.0", ID: strconv.FormatUint(e.ID, 10), Source: w.Source, Type: "passive-health." + e.Name,
		Subject: subject(e), Time: e.At, ContentType: "application/json", Data: *e,
	})
	if err != nil {
		return nil, fmt.Errorf("webhook: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(payload))
	if err != nil {
		return nil, fmt.Errorf("webhook: %w", err)
	}
	request.Header.Set("Content-Type", "application/cloudevents+json")
	request.Header.Set("User-Agent", "passive-health")
	if len(w.Secret) > 0 {
		timestamp := strconv.FormatInt(now.Unix(), 10)
		request.Header.Set(TimestampHeader, timestamp)
		request.Header.Set(SignatureHeader, "v1="+Sign(w.Secret, timestamp, payload))
	}
	return request, nil
}

// Sign returns the signature of a body sent at timestamp, in hexadecimal.
func Sign(secret []byte, timestamp string, payload []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(timestamp + "."))
	mac.Write(payload)
	return hex.EncodeToString(mac.Sum(nil))
}

func subject(e *journal.Event) string {
	if e.Host == "" {
		return e.Cluster
	}
	return e.Cluster + "/" + e.Host
}
