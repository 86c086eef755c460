// Package api is the REST door: it translates requests and answers, and decides nothing.
//
// Every request takes the same way: request id and log line, then either Git (git.go)
// or a line of the route table (routes.go): version, who asks, rate limit, right to
// the route, handler, and one place that writes answers (answer.go) and errors (errors.go).
package api

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"rehome"
	"rehome/internal/auth"
	"rehome/internal/host"
	"rehome/internal/importer"
	"rehome/internal/lfs/server"
	"rehome/internal/store"
	"rehome/internal/webhook"
	"rehome/internal/wire"
)

// Options are the parts the API opens onto. DB, Auth, Host, Importer, Hooks, Metrics and Log are required.
type Options struct {
	DB       *store.DB
	Auth     *auth.Auth
	Host     *host.Host // nil where none are hosted
	Importer *importer.Importer
	Log      *slog.Logger
	LFS      *server.Server // nil: Git LFS is not offered
	Hooks    *webhook.Hooks

	PublicURL      string           // the server's base for requests that name no host; without trailing slash
	TrustedProxies []netip.Prefix   // peers whose X-Forwarded-* headers count
	Clock          func() time.Time // nil is time.Now
	auth.Doors                      // in common with the pages

	Pages Pages
	Supervision
}

// Supervision is how a server is looked after.
type Supervision struct {
	BucketUp    func() bool  // the bucket answers; nil is always
	Metrics     http.Handler // answers /metrics
	LogRequests bool         // each one at the level info; debug otherwise
	// Measure is told of each request: the pattern of its route, "" for none, and the status of its answer, 0 for none.
	// Nil tells nobody.
	Measure func(method, route string, status int, took time.Duration)
}

// Pages answers what people look at instead of the API; the zero Pages nothing.
type Pages struct {
	http.Handler
	Serves func(*http.Request) bool // the request is for a page
}

// API is the handler of everything, with the pages behind it. It is safe for concurrent use.
type API struct {
	Options
	router   router
	bases    bases
	open     *auth.Tally[string] // requests, by address
	watched  *auth.Tally[string] // event streams, by token
	children *slots
	pace     pace
	beat     func() (ticks <-chan time.Time, stop func()) // paces the events' heartbeat
}

// New returns the API's handler.
func New(o Options) http.Handler {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	o.Doors = o.Opened(o.Auth, o.Clock, o.Log)
	if o.Measure == nil {
		o.Measure = func(string, string, int, time.Duration) {}
	}
	if o.BucketUp == nil {
		o.BucketUp = func() bool { return true }
	}
	a := &API{
		Options:  o,
		bases:    bases{public: strings.TrimRight(o.PublicURL, "/"), trusted: o.TrustedProxies},
		open:     auth.NewTally[string](maxRequests),
		watched:  auth.NewTally[string](maxStreams),
		children: newSlots(mostChildren, ofOneClient),
		pace:     patient,
		beat:     heartbeat,
	}
	a.router = newRouter(a.routes())
	return a
}

// ServeHTTP answers one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r = r.WithContext(context.WithValue(r.Context(), requestKey{}, requestID()))
	a.logged(w, r, func(w http.ResponseWriter, l *entry) {
		a.pace.hurry(w, r)
		leave, refused := a.crowded(w, r)
		if refused {
			return
		}
		defer leave()
		if g, ok := splitGit(r); ok {
			a.git(w, r, g, l)
			return
		}
		if a.Pages.Serves != nil && a.Pages.Serves(r) {
			a.page(w, r, l)
			return
		}
		a.rest(w, r, l)
	})
}

// page has the pages answer. They say whose a request was and which route it took, also when they end it by a panic.
func (a *API) page(w http.ResponseWriter, r *http.Request, l *entry) {
	l.pattern = "page"
	at := wire.Visit{URLs: a.bases.of(r, ""), Client: a.bases.network(r), Tell: func(user, route string) {
		l.user, l.pattern = user, "page "+route
	}}
	a.Pages.ServeHTTP(w, r.WithContext(wire.WithVisit(r.Context(), at)))
}

// call is a request on its way through the API.
type call struct {
	r      *http.Request
	w      http.ResponseWriter // for bodies' limits and streams; answers go through write
	route  route
	params map[string]string
	urls   wire.URLs
	caller auth.Caller
	rate   auth.Rate
	repo   rehome.Repository // for the routes under a repository
	org    rehome.Owner      // for the routes of an owner, and of an organisation's webhooks
}

const enterprise = "/api/v3"

func (a *API) rest(w http.ResponseWriter, r *http.Request, l *entry) {
	path := r.URL.EscapedPath()
	rest, ok := strings.CutPrefix(path, enterprise+"/")
	prefix := ""
	if ok {
		path, prefix = "/"+rest, enterprise
	}
	c := &call{r: r, w: w, urls: a.bases.of(r, prefix), route: route{doc: docs}}
	if r.Method == http.MethodOptions {
		preflight(w)
		return
	}
	found, params, known := a.router.find(r.Method, path)
	if known {
		c.route, c.params = found, params
	}
	ans, err := a.answer(r.Context(), c, known)
	l.user, l.pattern = c.caller.User().Login, c.route.pattern
	if err != nil {
		ans = a.refusal(c, err, l)
	}
	a.write(w, c, ans)
}

func (a *API) answer(ctx context.Context, c *call, known bool) (answer, error) {
	if known && c.route.access == probe {
		return a.handle(ctx, c)
	}
	if err := a.meet(ctx, c); err != nil {
		return answer{}, err
	}
	if !known {
		return answer{}, errNotFound
	}
	if err := a.admit(ctx, c); err != nil {
		return answer{}, err
	}
	return a.handle(ctx, c)
}

// handle does what the request asks, where there is room for it.
func (a *API) handle(ctx context.Context, c *call) (answer, error) {
	if err := a.roomFor(ctx, c); err != nil {
		return answer{}, err
	}
	return c.route.handle(ctx, c)
}

// refusal turns an error into an answer; what is nobody's business goes to the log only.
func (a *API) refusal(c *call, err error, l *entry) answer {
	f := failureOf(err, c.route.resource())
	if f.status >= http.StatusInternalServerError {
		l.err = err
	}
	return f.answer(c.route.doc)
}
