package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"rehome"
	"rehome/internal/auth"
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
	told   string // what a change did, for the top of the page
}

// handler answers with a page, or says why not.
type handler func(*visit) error

// maxForm is the most bytes of a form: an author map and what goes with it.
const maxForm = 11 << 20

// open lets everybody in.
func (w *Web) open(h handler) http.HandlerFunc {
	return func(out http.ResponseWriter, r *http.Request) {
		at := wire.VisitOf(r.Context())
		v := &visit{r: r, w: out, urls: at.URLs, client: at.Client}
		err := w.session(v)
		if err == nil && r.Method == http.MethodPost {
			err = v.readForm()
		}
		if err == nil {
			err = h(v)
		}
		if err != nil {
			w.fail(v, err)
		}
	}
}

// readForm reads a form, which has to be one of this session's pages.
func (v *visit) readForm() error {
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxForm)
	err := v.r.ParseMultipartForm(maxForm)
	if errors.Is(err, http.ErrNotMultipart) {
		err = v.r.ParseForm()
	}
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return &problem{status: http.StatusRequestEntityTooLarge, title: "That is too much", text: fmt.Sprintf("A form may have %d MiB.", large.Limit>>20)}
	case err != nil:
		return &problem{status: http.StatusBadRequest, title: "The form did not arrive whole", text: "What the browser sent cannot be read.", hint: "Go back and send it again.", err: err}
	case !v.own():
		return &problem{status: http.StatusForbidden, title: "This form is too old", text: "It is not one of your session: you signed in or out since it was opened. Nothing was done.", hint: "Go back, load the page again and send it again."}
	}
	return nil
}

// signedIn lets in whoever has signed in, and asks others to.
func (w *Web) signedIn(h handler) http.HandlerFunc {
	return w.open(func(v *visit) error {
		if v.caller.Anonymous() {
			return v.askToSignIn()
		}
		return h(v)
	})
}

func (v *visit) askToSignIn() error {
	next := "/"
	if v.r.Method == http.MethodGet && v.r.Header.Get("HX-Request") == "" {
		next = v.r.URL.RequestURI()
	}
	return v.to(v.urls.Root + "/-/sign-in?" + url.Values{"next": {next}}.Encode())
}

// inRepository lets in whoever may change the repository in the path. To others it is not there.
func (w *Web) inRepository(h handler) http.HandlerFunc {
	return w.signedIn(func(v *visit) error {
		found, err := w.DB.Repository(v.r.Context(), v.r.PathValue("owner"), v.r.PathValue("repo"))
		if err != nil && rehome.CodeOf(err) == rehome.NotFound || err == nil && !v.caller.CanWrite(found) {
			return errNoPage
		}
		if err != nil {
			return err
		}
		v.repo = found
		return h(v)
	})
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
	case p.status == 0:
		p.status = http.StatusUnprocessableEntity
	case p.status == http.StatusNotFound:
		p.title = "There is no such thing"
	case e.Code == rehome.Internal:
		p.title, p.text, p.hint = "Something went wrong inside Rehome", "The server's log has the details.", "Try again, or ask its operator."
	}
	return p
}

// fail shows why there is no page.
func (w *Web) fail(v *visit, err error) {
	p := problemOf(err)
	if p.status >= http.StatusInternalServerError {
		w.Log.Error("page", "path", rehome.Clean(v.r.URL.Path, 300), "error", err)
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
