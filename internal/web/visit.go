package web

import (
	"cmp"
	"context"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"rehome"
	"rehome/internal/auth"
	"rehome/internal/bucket"
	"rehome/internal/store"
	"rehome/internal/wire"
)

// visit is a request for a page on its way.
type visit struct {
	r      *http.Request
	w      http.ResponseWriter
	urls   wire.URLs
	client string // the address of who asks
	caller auth.Caller
	secret rehome.Secret // of the session; "" for nobody
	repo   rehome.Repository
	hooks  hooksHere // on pages of webhooks
	key    string    // of the page's forms; "" until one is made
}

// handler answers with a page, or says why not.
type handler func(*visit) error

// The most bytes of a form: of one that brings an author map, of others, and of one from nobody knows whom.
const (
	maxMap       = 11 << 20
	maxForm      = 1 << 20
	maxAnonymous = 64 << 10
)

// postMap is the pattern of the form with an author map.
const postMap = "POST /{owner}/{repo}/import/authors"

// postSignOut is that of a form which nobody has to send again.
const postSignOut = "POST /-/sign-out"

// enter finds out who comes, lets in whoever may, and only then reads what they send.
func (w *Web) enter(to route) http.HandlerFunc {
	return func(out http.ResponseWriter, r *http.Request) {
		at := wire.VisitOf(r.Context())
		v := &visit{r: r, w: out, urls: at.URLs, client: at.Client}
		err := w.session(v)
		tell(r, v.caller.User().Login, to.pattern)
		if err == nil {
			err = w.count(v)
		}
		if err == nil {
			err = w.admit(v, to.access)
		}
		if err == nil && r.Method == http.MethodPost {
			err = v.readForm()
		}
		if err == nil {
			err = to.handle(v)
		}
		switch {
		case errors.Is(err, errSignIn):
			v.askToSignIn()
		case err != nil:
			w.fail(v, err)
		}
	}
}

// readForm reads a form, which has to be one of this session's pages.
func (v *visit) readForm() error {
	most := int64(maxForm)
	switch {
	case v.caller.Anonymous():
		most = maxAnonymous
	case v.r.Pattern == postMap:
		most = maxMap
	}
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, most)
	err := v.parse()
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return &problem{status: http.StatusRequestEntityTooLarge, title: "That is too much", text: "A form may have " + byteCount(large.Limit) + " here."}
	case err != nil:
		return &problem{status: http.StatusBadRequest, title: "The form did not arrive whole", text: "What the browser sent cannot be read.", hint: "Go back and send it again.", err: err}
	case !v.own():
		return &problem{status: http.StatusForbidden, title: "This form is too old", text: "It is not one of your session: you signed in or out since it was opened. Nothing was done.", hint: "Go back, load the page again and send it again."}
	}
	return nil
}

// parse reads the fields. It looks at the kind of the body first: net/http forgets what was wrong with a plain form once it has
// tried to read it as one in parts.
func (v *visit) parse() error {
	kind, _, err := mime.ParseMediaType(v.r.Header.Get("Content-Type"))
	if err == nil && kind == "multipart/form-data" {
		return v.r.ParseMultipartForm(maxMap)
	}
	return v.r.ParseForm()
}

// askToSignIn leads to where one signs in, and from there to the page that was asked for, or that the form was on which could not be taken.
func (v *visit) askToSignIn() {
	next, query := "/", url.Values{}
	switch {
	case v.r.Method == http.MethodPost && v.r.Pattern != postSignOut:
		next = v.cameFrom()
		query.Set("lost", "1")
	case v.r.Method == http.MethodGet && v.r.Header.Get("HX-Request") == "":
		next = v.r.URL.RequestURI()
	}
	query.Set("next", next)
	v.to(v.urls.Root + "/-/sign-in?" + query.Encode()) //nolint:errcheck // it has none
}

// cameFrom is the path of the page here that a form was on, "/" where the browser says none.
func (v *visit) cameFrom() string {
	path, here := strings.CutPrefix(v.r.Referer(), v.urls.Root+"/")
	if !here {
		return "/"
	}
	path, _, _ = strings.Cut("/"+path, "#")
	return local(path)
}

// at is the URL of a page of the repository's import.
func (v *visit) at(page string) string {
	at := v.urls.HTMLImport(v.repo)
	if page != "" {
		at += "/" + page
	}
	return at
}

// to sends the browser elsewhere, after a form by GET.
func (v *visit) to(where string) error {
	if v.r.Header.Get("HX-Request") != "" {
		v.w.Header().Set("HX-Redirect", where)
		v.w.WriteHeader(http.StatusNoContent)
		return nil
	}
	v.w.Header().Set("Location", where)
	v.w.WriteHeader(http.StatusSeeOther)
	return nil
}

// problem is why there is no page, for people.
type problem struct {
	status            int
	title, text, hint string
	err               error // for the log
	wait              int   // seconds after which it may be another answer; 0 is soon
}

func (p *problem) Error() string { return p.title + ": " + p.text }

func (p *problem) Unwrap() error { return p.err }

var errNoPage = &problem{
	status: http.StatusNotFound, title: "There is no such page",
	text: "It is not there, or you may not see it.", hint: "Look for the import in the list of yours.",
}

// statuses are those of the codes that a request can be answered with; others are 422, as with the API.
var statuses = map[rehome.Code]int{
	rehome.NotFound: http.StatusNotFound, rehome.DiskFull: http.StatusServiceUnavailable, rehome.Internal: http.StatusInternalServerError,
}

// problemOf makes of any error what people are told.
func problemOf(err error) *problem {
	var p *problem
	if errors.As(err, &p) {
		return p
	}
	e := rehome.AsError(err)
	p = &problem{status: statuses[e.Code], title: "This did not work", text: e.Message, hint: hint(e.Hint), err: err}
	switch {
	case e.Code == rehome.Internal && away(err):
		*p = problem{status: http.StatusServiceUnavailable, title: "Not just now", text: "A part of the server does not answer.", hint: "Try again in a moment.", err: err}
	case p.status == 0:
		p.status = http.StatusUnprocessableEntity
	case p.status == http.StatusNotFound:
		p.title = "There is no such thing"
	case e.Code == rehome.Internal:
		p.title, p.text, p.hint = "Something went wrong inside Rehome", "The server's log has the details.", "Try again, or ask its operator."
	}
	return p
}

// away reports whether an error may be gone in a while.
func away(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || store.Unavailable(err) || errors.Is(err, bucket.ErrAway)
}

// soon is when whoever is refused for the time being may come again, in seconds.
const soon = 30

// fail shows why there is no page.
func (w *Web) fail(v *visit, err error) {
	p := problemOf(err)
	if p.status == http.StatusServiceUnavailable || p.status == http.StatusTooManyRequests {
		v.w.Header().Set("Retry-After", strconv.Itoa(cmp.Or(p.wait, soon)))
	}
	if p.status >= http.StatusInternalServerError {
		w.Log.Error("page", "path", rehome.Clean(v.r.URL.Path, 300), "error", err)
	}
	if v.r.Method == http.MethodPost || p.status == http.StatusTooManyRequests && !v.byItself() { // htmx shows it in place of the page; what is fetched by itself stays as it was
		for _, header := range []string{"HX-Retarget", "HX-Reselect"} {
			v.w.Header().Set(header, "#main")
		}
		v.w.Header().Set("HX-Reswap", "outerHTML")
	}
	if err := w.page(v, p.status, "problem", p.title, p.shown()); err != nil {
		w.Log.Error("page", "path", rehome.Clean(v.r.URL.Path, 300), "error", err)
	}
}

type shownProblem struct{ Title, Text, Hint string }

func (p *problem) shown() shownProblem { return shownProblem{p.title, p.text, p.hint} }

// hint writes a hint in words of the pages.
func hint(text string) string {
	text = strings.NewReplacer("start the import again", "start it again", "Start the import again", "Start it again").Replace(text)
	return rehome.SpellOptions(text, func(name, value string) (string, bool) {
		label, ok := labels[name]
		if !ok {
			return "", false
		}
		if value != "" {
			label += " (" + strings.ReplaceAll(value, "_", " ") + ")"
		}
		return label, true
	})
}

// labels are what options are called on the pages.
var labels = map[string]string{
	"prune": "“Follow forced and deleted refs”", "allow_missing_lfs": "“Go on without missing Git LFS objects”",
	"on_divergence": "what becomes of refs that somebody else moved", "create": "“Make the repository when it is missing”",
	"use_lfs": "the choice on the page “Large files”", "push_limit": "--push-limit of rehome serve", "allow_faults": "--allow-faults of rehome serve",
	"authors": "the page “Authors”", "exclude_refs": "“Refs to leave behind”", "ssh_key": "an SSH key",
	"max_repository": "--max-repository of rehome serve", "max_objects": "--max-objects of rehome serve", "max_refs": "--max-refs of rehome serve",
}
