// Package web is the pages: what people see of imports in a browser, and do with them.
//
// Pages are HTML made on the server, and work without JavaScript. With it parts of them are fetched anew when
// something happens (htmx and server-sent events). Nothing is decided here: every change is a call of the importer,
// of auth or of webhook, as it is behind the API.
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

	PublicURL string           // of pages behind a proxy that changes the host; "" where none does
	Clock     func() time.Time // nil is time.Now
}

// Web answers for the pages. It is safe for concurrent use.
type Web struct {
	Options
	own     *http.ServeMux // below /-/
	repos   *http.ServeMux // of a repository
	origins *http.CrossOriginProtection
	guard   *auth.Guard
}

// New returns the pages.
func New(o Options) *Web {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	w := &Web{Options: o, own: http.NewServeMux(), repos: http.NewServeMux(), origins: http.NewCrossOriginProtection(), guard: auth.NewGuard(o.Auth, o.Clock, o.Log)}
	if o.PublicURL != "" {
		if err := w.origins.AddTrustedOrigin(origin(o.PublicURL)); err != nil {
			o.Log.Warn("pages behind --public-url may refuse to be used", "error", err)
		}
	}
	w.routes()
	return w
}

// origin is the scheme and host of a URL.
func origin(of string) string {
	scheme, rest, _ := strings.Cut(of, "://")
	host, _, _ := strings.Cut(rest, "/")
	return scheme + "://" + host
}

// Serves reports whether a request is for a page: /, what is below /-/, a repository's own page, and what is below
// its import. "/" is the API's, too: who asks for HTML is a person.
func (w *Web) Serves(r *http.Request) bool {
	path := r.URL.Path
	if path == "/" {
		return strings.Contains(r.Header.Get("Accept"), "text/html")
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

// ServeHTTP answers for a page.
func (w *Web) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	h := out.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	if strings.HasPrefix(r.URL.Path, assetsAt) {
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

// hookRoutes are the pages of the webhooks of what is at a path.
func (w *Web) hookRoutes(handle func(string, func(http.ResponseWriter, *http.Request)), at string, of func(hookHandler) http.HandlerFunc) {
	handle("GET "+at, of(w.hooks))
	handle("POST "+at, of(w.createHook))
	handle("GET "+at+"/{hook}", of(w.hook))
	handle("POST "+at+"/{hook}", of(w.editHook))
	handle("POST "+at+"/{hook}/{delivery}", of(w.redeliver))
}

// routes is every page. What changes something is a POST.
func (w *Web) routes() {
	own, repo := w.own.HandleFunc, w.repos.HandleFunc
	own("GET /{$}", w.signedIn(w.imports))
	own("GET /-/sign-in", w.open(w.signInForm))
	own("POST /-/sign-in", w.open(w.signIn))
	own("POST /-/sign-out", w.signedIn(w.signOut))
	own("GET /-/new", w.signedIn(w.newForm))
	own("POST /-/new", w.signedIn(w.create))
	own("POST /-/new/detect", w.signedIn(w.detect))
	own("GET /-/tokens", w.signedIn(w.tokens))
	own("POST /-/tokens", w.signedIn(w.makeToken))
	own("POST /-/tokens/{token}/revoke", w.signedIn(w.revokeToken))
	own("GET /-/server", w.signedIn(w.server))
	own("GET /-/webhooks", w.signedIn(w.webhooks))
	w.hookRoutes(own, "/-/webhooks/{org}", w.ofOrganization)
	own("/", w.open(func(v *visit) error { return errNoPage }))

	repo("GET /{owner}/{repo}", w.inRepository(func(v *visit) error { return v.to(v.at("")) }))
	repo("GET /{owner}/{repo}/import", w.inRepository(w.overview))
	repo("GET /{owner}/{repo}/import/body", w.inRepository(w.overviewBody))
	repo("GET /{owner}/{repo}/import/live", w.inRepository(w.live))
	repo("POST /{owner}/{repo}/import/start", w.inRepository(w.restart))
	repo("POST /{owner}/{repo}/import/project", w.inRepository(w.choose))
	repo("POST /{owner}/{repo}/import/approve", w.inRepository(w.approve))
	repo("POST /{owner}/{repo}/import/finish", w.inRepository(w.finish))
	repo("POST /{owner}/{repo}/import/cancel", w.inRepository(w.cancel))
	repo("GET /{owner}/{repo}/import/authors", w.inRepository(w.authors))
	repo("POST /{owner}/{repo}/import/authors/{author}", w.inRepository(w.mapAuthor))
	repo("POST /{owner}/{repo}/import/authors", w.inRepository(w.mapAuthors))
	repo("GET /{owner}/{repo}/import/authors.mailmap", w.inRepository(w.mailmap))
	repo("GET /{owner}/{repo}/import/large-files", w.inRepository(w.largeFiles))
	repo("POST /{owner}/{repo}/import/large-files", w.inRepository(w.chooseLarge))
	repo("GET /{owner}/{repo}/import/receipt", w.inRepository(w.receipt))
	repo("GET /{owner}/{repo}/import/receipt.json", w.inRepository(w.receiptFile))
	repo("GET /{owner}/{repo}/import/commit-map", w.inRepository(w.commitMap))
	w.hookRoutes(repo, "/{owner}/{repo}/import/webhooks", w.ofRepository)
	repo("/", w.open(func(v *visit) error { return errNoPage }))
}
