package web

import (
	"errors"
	"net/http"
	"strings"

	"rehome"
	"rehome/internal/auth"
)

// access says who may see a page, or do what it does. There is no default: what a line does not allow is not there.
type access int

const (
	denied        access = iota // the zero value: nobody
	anybody                     // whoever comes
	signedIn                    // whoever has signed in
	creates                     // with a token that has the scope repo
	administers                 // administrators
	writes                      // whoever may change the repository in the path
	keepsHooks                  // whoever may keep its webhooks
	keepsOrgHooks               // whoever may keep those of the organisation in the path
)

// route is one page, or one thing that a form does.
type route struct {
	pattern string
	access  access
	handle  handler
}

// routes is everything there is. What changes something is a POST.
func (w *Web) routes() []route {
	all := []route{
		{"GET /{$}", signedIn, w.imports},
		{"GET /-/sign-in", anybody, w.signInForm},
		{"POST /-/sign-in", anybody, w.signIn},
		{postSignOut, signedIn, w.signOut},
		{"GET /-/new", creates, w.newForm},
		{"POST /-/new", creates, w.create},
		{"POST /-/new/detect", creates, w.detect},
		{"GET /-/tokens", signedIn, w.tokens},
		{"POST /-/tokens", signedIn, w.makeToken},
		{"POST /-/tokens/{token}/revoke", signedIn, w.revokeToken},
		{"GET /-/server", administers, w.server},
		{"GET /-/webhooks", signedIn, w.webhooks},

		{"GET /{owner}/{repo}", writes, func(v *visit) error { return v.to(v.at("")) }},
		{"GET /{owner}/{repo}/import", writes, w.overview},
		{"GET /{owner}/{repo}/import/body", writes, w.overviewBody},
		{"GET /{owner}/{repo}/import/live", writes, w.live},
		{"POST /{owner}/{repo}/import/start", writes, w.restart},
		{"POST /{owner}/{repo}/import/project", writes, w.withRoom(w.choose)},
		{"POST /{owner}/{repo}/import/approve", writes, w.withRoom(w.approve)},
		{"POST /{owner}/{repo}/import/finish", writes, w.withRoom(w.finish)},
		{"POST /{owner}/{repo}/import/cancel", writes, w.cancel},
		{"GET /{owner}/{repo}/import/authors", writes, w.authors},
		{"POST /{owner}/{repo}/import/authors/{author}", writes, w.withRoom(w.mapAuthor)},
		{postMap, writes, w.withRoom(w.mapAuthors)},
		{"GET /{owner}/{repo}/import/authors.mailmap", writes, w.mailmap},
		{"GET /{owner}/{repo}/import/large-files", writes, w.largeFiles},
		{"POST /{owner}/{repo}/import/large-files", writes, w.withRoom(w.chooseLarge)},
		{"GET /{owner}/{repo}/import/options", writes, w.options},
		{"POST /{owner}/{repo}/import/options", writes, w.withRoom(w.changeOptions)},
		{"GET /{owner}/{repo}/import/receipt", writes, w.receipt},
		{"GET /{owner}/{repo}/import/receipt.json", writes, w.receiptFile},
		{"GET /{owner}/{repo}/import/commit-map", writes, w.commitMap},
	}
	all = append(all, w.hookRoutes("/-/webhooks/{org}", keepsOrgHooks)...)
	return append(all, w.hookRoutes("/{owner}/{repo}/import/webhooks", keepsHooks)...)
}

// hookRoutes are the pages of the webhooks of what is at a path.
func (w *Web) hookRoutes(at string, who access) []route {
	return []route{
		{"GET " + at, who, w.hooks},
		{"POST " + at, who, w.createHook},
		{"GET " + at + "/{hook}", who, w.hook},
		{"POST " + at + "/{hook}", who, w.editHook},
		{"POST " + at + "/{hook}/{delivery}", who, w.redeliver},
	}
}

// errSignIn sends whoever comes to the page that takes a token.
var errSignIn = errors.New("nobody has signed in")

var errLacksRepo = &problem{
	status: http.StatusForbidden, title: "Your token may not import",
	text: "It lacks the scope " + auth.ScopeRepo + ".", hint: "Sign in with one that has it.",
}

// admit decides whether the caller may take the route, and finds what its path is about.
func (w *Web) admit(v *visit, who access) error {
	if who != anybody && v.caller.Anonymous() {
		return errSignIn
	}
	switch who {
	case anybody, signedIn:
		return nil
	case creates:
		if !v.caller.Has(auth.ScopeRepo) {
			return errLacksRepo
		}
		return nil
	case administers:
		if !v.caller.Admin() {
			return errNoPage
		}
		return nil
	case writes, keepsHooks:
		return w.admitToRepository(v, who)
	case keepsOrgHooks:
		return w.admitToOrganization(v)
	}
	return errNoPage
}

// admitToRepository finds the repository in the path. To those who may not it is not there.
func (w *Web) admitToRepository(v *visit, who access) error {
	found, err := w.DB.Repository(v.r.Context(), v.r.PathValue("owner"), v.r.PathValue("repo"))
	if err != nil && rehome.CodeOf(err) == rehome.NotFound {
		return errNoPage
	}
	if err != nil {
		return err
	}
	may := v.caller.CanWrite(found)
	if who == keepsHooks {
		may = v.caller.KeepsHooksOf(found.Owner.Login)
	}
	if !may {
		return errNoPage
	}
	v.repo = found
	v.hooks = hooksHere{rehome.HookTarget{RepositoryID: found.ID}, v.at("webhooks"), found.FullName()}
	return nil
}

// admitToOrganization finds the organisation in the path. A user is none.
func (w *Web) admitToOrganization(v *visit) error {
	owner, err := w.DB.OwnerByLogin(v.r.Context(), v.r.PathValue("org"))
	if err != nil && rehome.CodeOf(err) == rehome.NotFound {
		return errNoPage
	}
	if err != nil {
		return err
	}
	if owner.Kind != rehome.Organization || !v.caller.KeepsOrgHooksOf(owner.Login) {
		return errNoPage
	}
	v.hooks = hooksHere{rehome.HookTarget{OwnerID: owner.ID}, v.urls.Root + "/-/webhooks/" + owner.Login, owner.Login}
	return nil
}

// withRoom refuses what may have an import go on that is at rest while the disk has no room, before anything is changed.
func (w *Web) withRoom(h handler) handler {
	return func(v *visit) error {
		low := w.Importer.Room()
		if low == nil {
			return h(v)
		}
		i, err := w.Importer.Get(v.r.Context(), v.repo.ID)
		switch {
		case err != nil && rehome.CodeOf(err) != rehome.NotFound:
			return err
		case err == nil && !i.State.Status.Running():
			return low
		}
		return h(v) // there is none to be taken up again, or its worker looks at the disk itself
	}
}

// other answers for what is no page: 405 where there is one for another method, 404 otherwise.
func (w *Web) other(mux *http.ServeMux) handler {
	return func(v *visit) error {
		var allowed []string
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			if _, pattern := mux.Handler(&http.Request{Method: method, URL: v.r.URL, Host: v.r.Host}); strings.HasPrefix(pattern, method+" ") {
				allowed = append(allowed, method)
			}
		}
		if len(allowed) == 0 {
			return errNoPage
		}
		v.w.Header().Set("Allow", strings.Join(allowed, ", "))
		return &problem{status: http.StatusMethodNotAllowed, title: "This page cannot be used so", text: "It takes " + strings.Join(allowed, " and ") + " only."}
	}
}
