package admin

import (
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/api"
)

// Access says who may do what on the admin listener.
type Access struct {
	Token        string   // a write must bring it; empty for none
	ReadsNeed    bool     // reads must bring it too, those of liveness and readiness excepted
	ReadOnly     bool     // nobody may write
	AllowedHosts []string // names by which the listener may be called, beside localhost and addresses
}

// policy of what a page of this listener may load and do: nothing from elsewhere, and no page of elsewhere around it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

var securityHeaders = map[string]string{
	"Content-Security-Policy":      policy,
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
	"Referrer-Policy":              "no-referrer",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Cache-Control":                "no-store",
}

// answerLimit is how long a client may take to take an answer; a stream of events moves it on.
const answerLimit = time.Minute

// guard lets through to next what is allowed, each refusal with its reason.
func (a Access) guard(next http.Handler) http.Handler {
	crossOrigin := http.NewCrossOriginProtection()
	crossOrigin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeError(w, http.StatusForbidden, api.Error{Code: "cross_origin", Message: "a page of another origin may not write here"})
	}))
	inner := crossOrigin.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status, fault := a.refusal(r); fault != nil {
			writeError(w, status, *fault)
			return
		}
		next.ServeHTTP(w, r)
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for key, value := range securityHeaders {
			w.Header().Set(key, value)
		}
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerLimit)) // where it is not supported, the client decides
		if !a.isKnown(r.Host) {
			writeError(w, http.StatusForbidden, api.Error{
				Code: "unknown_host", Message: fmt.Sprintf("this listener is not called %q; admin.hosts names it", r.Host),
			})
			return
		}
		inner.ServeHTTP(w, r)
	})
}

// isKnown says whether the listener may be called so. A page whose name was made to resolve to this machine calls it by
// that name; an address cannot be made to.
func (a Access) isKnown(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
	_, err := netip.ParseAddr(name)
	return err == nil || name == "" || strings.EqualFold(name, "localhost") ||
		slices.ContainsFunc(a.AllowedHosts, func(h string) bool { return strings.EqualFold(h, name) })
}

// refusal says why a request may not be carried out, nil if it may.
func (a Access) refusal(r *http.Request) (status int, fault *api.Error) {
	write := r.Method != http.MethodGet && r.Method != http.MethodHead
	switch {
	case write && a.ReadOnly:
		return http.StatusForbidden, &api.Error{Code: "read_only", Message: "this listener is read only (admin.read_only)"}
	case !write && (!a.ReadsNeed || r.URL.Path == "/healthz" || r.URL.Path == "/readyz"):
		return 0, nil
	case a.Token == "":
		return 0, nil
	}
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || subtle.ConstantTimeCompare([]byte(token), []byte(a.Token)) != 1 {
		return http.StatusUnauthorized, &api.Error{Code: "unauthorized", Message: "the bearer token of admin.token_file is missing or wrong"}
	}
	return 0, nil
}
