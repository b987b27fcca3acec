package upstream

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Kind is how a host treats a request.
type Kind string

// The kinds of an HTTP host.
const (
	Answer    Kind = "answer"     // answers with Status
	Refuse    Kind = "refuse"     // has its port closed
	Reset     Kind = "reset"      // resets the connection before the response headers
	Close     Kind = "close"      // closes the connection before the response headers
	Garbage   Kind = "garbage"    // answers with what is not HTTP
	Stall     Kind = "stall"      // never answers
	ResetBody Kind = "reset-body" // answers 200 and resets in the middle of the body
	CloseBody Kind = "close-body" // answers 200 and closes in the middle of the body
	StallBody Kind = "stall-body" // answers 200 and never finishes the body
)

// Behaviour is how a host treats its requests. The zero value answers 200 at once.
type Behaviour struct {
	Kind    Kind          // empty for Answer
	Status  int           // with Answer: 200 to 599; 0 for 200
	Percent int           // so many of 100 requests meet Kind and Status, the others 200; 0 for all of them
	Delay   time.Duration // waits so long before it does anything
	Path    string        // only requests whose path begins so meet Kind and Status, the others 200; empty for all
}

var errBehaviour = errors.New(`not "ok", a status, refuse, reset, close, garbage, stall, reset-body, close-body or ` +
	`stall-body, each with an optional ",PERCENT%", ",DELAY" and ",/PATH"`)

// ParseBehaviour reads a behaviour as people write it: "ok", "503", "503,30%", "ok,250ms", "reset", "refuse",
// "503,/checkout".
func ParseBehaviour(s string) (Behaviour, error) {
	head, options, _ := strings.Cut(s, ",")
	b, ok := parseKind(head)
	for option := range strings.SplitSeq(options, ",") {
		ok = ok && b.set(option)
	}
	if !ok {
		return Behaviour{}, fmt.Errorf("%q: %w", s, errBehaviour)
	}
	return b, nil
}

func parseKind(s string) (b Behaviour, ok bool) {
	switch kind := Kind(s); kind {
	case "ok":
		return Behaviour{}, true
	case Refuse, Reset, Close, Garbage, Stall, ResetBody, CloseBody, StallBody:
		return Behaviour{Kind: kind}, true
	default:
		status, err := strconv.Atoi(s)
		return Behaviour{Status: status}, err == nil && status >= http.StatusOK && status <= 599
	}
}

// set takes one option, "30%", "250ms" or "/checkout".
func (b *Behaviour) set(option string) (ok bool) {
	if option == "" {
		return true
	}
	if strings.HasPrefix(option, "/") {
		b.Path = option
		return true
	}
	var err error
	if percent, found := strings.CutSuffix(option, "%"); found {
		b.Percent, err = strconv.Atoi(percent)
		return err == nil && b.Percent > 0 && b.Percent <= 100
	}
	b.Delay, err = time.ParseDuration(option)
	return err == nil && b.Delay >= 0
}

// of returns the behaviour towards the n-th request, n from 0: a share is spread evenly and is the same in every run.
func (b Behaviour) of(n int, path string) Behaviour {
	spared := b.Percent > 0 && (n+1)*b.Percent/100 == n*b.Percent/100
	if spared || !strings.HasPrefix(path, b.Path) {
		b = Behaviour{Delay: b.Delay}
	}
	if b.Status == 0 {
		b.Status = http.StatusOK
	}
	return b
}
