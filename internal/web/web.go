// Package web is the pages: what people see of imports in a browser, and do with them.
//
// Pages are HTML made on the server, and work without JavaScript. With it parts of them are fetched anew when
// something happens (htmx and server-sent events). Nothing is decided here but whether a form is still about what its
// page showed: every change is a call of the importer, of auth or of webhook, and repositories are made, as behind the API.
package web

import (
	"log/slog"
	"net/http"
	"strings"
	"time"

	"rehome/internal/auth"
	"rehome/internal/host"
	"rehome/internal/importer"
	"rehome/internal/store"
	"rehome/internal/webhook"
	"rehome/internal/wire"
)

// Options are what the pages show and change.
type Options struct {
	DB       *store.DB
	Auth     *auth.Auth
	Importer *importer.Importer
	Host     *host.Host // nil where none are hosted
	Hooks    *webhook.Hooks
	Log      *slog.Logger
	Vitals   func() Vitals // how this process is; nil says nothing of it

	auth.Doors                  // in common with the API
	PublicURL  string           // of pages behind a proxy that changes the host; "" where none does
	Clock      func() time.Time // nil is time.Now
}

// Web answers for the pages. It is safe for concurrent use.
type Web struct {
	Options
	own      *http.ServeMux // below /-/
	repos    *http.ServeMux // of a repository
	origins  *http.CrossOriginProtection
	receipts *receipts
	watched  *auth.Tally[int64]                           // streams, by token
	detected *auth.Tally[int64]                           // questions what answers at a URL, by token
	beat     func() (ticks <-chan time.Time, stop func()) // paces what a stream does besides
}

// New returns the pages.
func New(o Options) *Web {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	o.Doors = o.Opened(o.Auth, o.Clock, o.Log)
	w := &Web{
		Options: o, own: http.NewServeMux(), repos: http.NewServeMux(), origins: http.NewCrossOriginProtection(),
		receipts: newReceipts(), watched: auth.NewTally[int64](maxStreams), detected: auth.NewTally[int64](maxDetections), beat: heartbeat,
	}
	if o.PublicURL != "" {
		if err := w.origins.AddTrustedOrigin(origin(o.PublicURL)); err != nil {
			o.Log.Warn("pages behind --public-url may refuse to be used", "error", err)
		}
	}
	for _, r := range w.routes() {
		w.muxFor(r.pattern).HandleFunc(r.pattern, w.enter(r))
	}
	for _, mux := range []*http.ServeMux{w.own, w.repos} {
		mux.HandleFunc("/", w.enter(route{"/", anybody, w.other(mux)}))
	}
	return w
}

// muxFor is where a pattern belongs: there are two, for "/-/…" and "/{owner}/{repo}" are in each other's way.
func (w *Web) muxFor(pattern string) *http.ServeMux {
	if strings.Contains(pattern, " /{owner}/") {
		return w.repos
	}
	return w.own
}

// origin is the scheme and host of a URL.
func origin(of string) string {
	scheme, rest, _ := strings.Cut(of, "://")
	host, _, _ := strings.Cut(rest, "/")
	return scheme + "://" + host
}

// Serves reports whether a request is for a page: /, what is below /-/, a repository's own page, and what is below
// its import. "/" is the API's, too: who asks for HTML is a person, and htmx, which says that it takes anything, asks for a page that is open.
func (w *Web) Serves(r *http.Request) bool {
	path := r.URL.Path
	if path == "/" {
		return strings.Contains(r.Header.Get("Accept"), "text/html") || r.Header.Get("HX-Request") != ""
	}
	if strings.HasPrefix(path, "/-/") {
		return true
	}
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	if len(parts) < 2 || parts[0] == "" || parts[1] == "" || auth.CheckLogin(parts[0]) != nil || strings.HasSuffix(parts[1], ".git") {
		return false
	}
	return len(parts) == 2 || parts[2] == "import"
}

// policy lets a page have what this server sends, and nothing that stands in the page itself.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// tell says whose a request is, and which route it takes: one of those there are.
func tell(r *http.Request, user, route string) {
	if at := wire.VisitOf(r.Context()); at.Tell != nil {
		at.Tell(user, route)
	}
}

// ServeHTTP answers for a page.
func (w *Web) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	h := out.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	if strings.HasPrefix(r.URL.Path, assetsAt) {
		tell(r, "", "asset")
		w.asset(out, r)
		return
	}
	h.Set("Cache-Control", "no-store")
	if err := w.origins.Check(r); err != nil {
		v := &visit{r: r, w: out, urls: wire.VisitOf(r.Context()).URLs}
		w.fail(v, &problem{status: http.StatusForbidden, title: "This came from another site", text: "A form of another site was sent here, and nothing was done.", hint: "Open the page here and send it again."})
		return
	}
	if strings.HasPrefix(r.URL.Path, "/-/") || r.URL.Path == "/" {
		w.own.ServeHTTP(out, r)
		return
	}
	w.repos.ServeHTTP(out, r)
}
