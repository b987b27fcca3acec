package admin

import (
	"cmp"
	"fmt"
	"net/http"
	"time"

	"github.com/envoy-passive-health/passive-health/cmd/passive-health/admin/journal"
)

// operatorHeader is where a client says who writes, for requests whose body does not. It is a claim, as CreatedBy of an
// override is: who may write is for the listener to say.
const operatorHeader = "X-Operator"

// audit tells of a write that was carried out: what, who and from where.
func (h *handler) audit(r *http.Request, e journal.Event) {
	e.At, e.Name, e.Address = time.Now(), "audit", r.RemoteAddr
	if e.By == "" {
		e.By = r.Header.Get(operatorHeader)
	}
	e.Text = fmt.Sprintf("%s, by %s from %s", e.Text, cmp.Or(e.By, "somebody"), e.Address)
	h.Journal.Add(e)
	h.Logger.Info(e.Text, "event", e.Name, "cluster", e.Cluster, "host", e.Host, "override", e.Override, "by", e.By, "address", e.Address)
}
