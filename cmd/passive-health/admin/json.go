package admin

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/api"
)

var errTrailing = errors.New("there is something behind the object")

// readJSON reads a body that is one object of known keys, and answers if it cannot.
func readJSON(w http.ResponseWriter, r *http.Request, body any) bool {
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	err := decoder.Decode(body)
	if err == nil {
		if _, more := decoder.Token(); !errors.Is(more, io.EOF) {
			err = errTrailing
		}
	}
	if err == nil {
		return true
	}
	status, code := http.StatusBadRequest, "invalid"
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		status, code = http.StatusRequestEntityTooLarge, "too_large"
	}
	writeError(w, status, api.Error{Code: code, Message: "body: " + err.Error()})
	return false
}

func writeError(w http.ResponseWriter, status int, e api.Error) {
	writeJSON(w, status, api.Failure{Error: e})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false) // people read it, and no browser takes it for a page
	_ = encoder.Encode(body)     //nolint:errchkjson // our own types; if the client has gone there is nobody to tell
}

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // as above
}
