// Package page is what an operator opens in a browser: every cluster, the worst first, with each host's state, why, and
// until when. The server draws it all; the script swaps in what it draws anew, and gives orders. Nothing is fetched from
// anywhere else, and without the script the page can still be read.
package page

import (
	"embed"
	"html/template"
	"net/http"
	"time"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/journal"
	"github.com/envoy-passive-health/passive-health/health"
	"github.com/envoy-passive-health/passive-health/xds"
)

//go:embed page.html page.css page.js
var files embed.FS

// orders are what an operator can give for one host.
func orders() []string { return []string{"eject", "keep", "reset"} }

var templates = template.Must(template.New("page.html").Funcs(template.FuncMap{"orders": orders}).ParseFS(files, "page.html"))

// Options are what the page shows.
type Options struct {
	Snapshots func() []health.Snapshot // of every cluster
	Proxies   func() []xds.Proxy
	Events    func() []journal.Event // the newest last
	Version   string
}

// Handler answers GET / with the page, GET /page/body with the part that changes, and GET /page/ with its files.
func Handler(o Options) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", o.draw("page"))
	mux.HandleFunc("GET /page/body", o.draw("body"))
	mux.Handle("GET /page/", http.StripPrefix("/page/", http.FileServerFS(files)))
	return mux
}

func (o *Options) draw(part string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		v := newView(o, r.URL.Query().Get("show"), time.Now())
		if err := templates.ExecuteTemplate(w, part, v); err != nil {
			return // the client has gone: there is nobody to tell
		}
	}
}
