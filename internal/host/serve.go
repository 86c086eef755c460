package host

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"

	"rehome"
	"rehome/internal/git/cage"
	"rehome/internal/git/repo"
)

// refusal is a request answered with a status and a line of text, which git shows.
type refusal struct {
	status int
	text   string
}

func (e *refusal) Error() string { return e.text }

// Serve answers one request of the smart HTTP protocol (gitprotocol-http) on a repository.
// path is what follows the repository's URL: info/refs, git-upload-pack or git-receive-pack.
// Who may read was decided before; mayWrite says whether a push is allowed.
func (h *Host) Serve(w http.ResponseWriter, r *http.Request, repoID int64, path string, mayWrite bool) {
	noCache(w.Header())
	a := newAnswer(w, h.idle)
	defer a.end()
	s, err := route(r, path)
	if err == nil && s == cage.ReceivePack && !mayWrite {
		err = &refusal{http.StatusForbidden, "You may not push to this repository."}
	}
	if err == nil {
		err = h.use(r.Context(), repoID, func(ctx context.Context, e *entry, rp *repo.Repo) error {
			x := exchange{host: h, repoID: repoID, service: s, entry: e, repo: rp, r: r, w: a}
			return x.serve(ctx, path == "info/refs")
		})
	}
	damaged := err != nil && isDamage(err)
	if damaged {
		h.damaged(r.Context(), repoID, err)
	}
	switch {
	case damaged && a.begun:
	case err != nil && (a.begun || clientLeft(err)):
		h.o.Log.InfoContext(r.Context(), "git request broke off", "repository", repoID, "error", err)
	case err != nil:
		h.refuse(w, r, repoID, err)
	}
}

// damage is part of what git (2.30 to 2.50) says when a repository lacks something or has it damaged, and not of what a client
// can have it say.
var damage = []string{
	"possible repository corruption", "is corrupt", "unable to read", "missing blob", "missing tree", "missing commit", "bad tree object",
	"cannot be used", "is far too short", "does not match index", "inflate: data stream error", "unable to unpack",
}

// isDamage reports whether a child ended because of what is in the repository.
func isDamage(err error) bool {
	var ended *childError
	if !errors.As(err, &ended) || ended.service != cage.UploadPack {
		return false // what a push brings is judged before it is let in
	}
	return slices.ContainsFunc(damage, func(words string) bool { return strings.Contains(ended.said, words) })
}

func (h *Host) damaged(ctx context.Context, repoID int64, err error) {
	if h.o.Damaged != nil {
		h.o.Damaged(context.WithoutCancel(ctx), repoID, err)
		return
	}
	h.o.Log.ErrorContext(ctx, "a repository on the host is damaged", "repository", repoID, "error", err)
}

// clientLeft reports whether err came of a client that waits for no answer any more.
func clientLeft(err error) bool {
	ours := errors.Is(err, errClosed) || errors.Is(err, errRemoved) || errors.Is(err, os.ErrDeadlineExceeded)
	return errors.Is(err, context.Canceled) && !ours
}

// noCache sets the headers git http-backend sends with everything that changes.
func noCache(h http.Header) {
	h.Set("Expires", "Fri, 01 Jan 1980 00:00:00 GMT")
	h.Set("Pragma", "no-cache")
	h.Set("Cache-Control", "no-cache, max-age=0, must-revalidate")
}

// route finds the service a request is for.
func route(r *http.Request, path string) (cage.Program, error) {
	switch path {
	case "info/refs":
		if r.Method != http.MethodGet {
			return "", &refusal{http.StatusMethodNotAllowed, "Ask for refs with GET."}
		}
		switch s := r.URL.Query().Get("service"); s {
		case "git-upload-pack", "git-receive-pack":
			return cage.Program(strings.TrimPrefix(s, "git-")), nil
		case "":
			return "", &refusal{http.StatusForbidden, "The dumb HTTP protocol is not served here: use git 1.6.6 or later."}
		}
		return "", &refusal{http.StatusForbidden, "There is no such service."}
	case "git-upload-pack", "git-receive-pack":
		if r.Method != http.MethodPost {
			return "", &refusal{http.StatusMethodNotAllowed, "Call the service with POST."}
		}
		if r.Header.Get("Content-Type") != "application/x-"+path+"-request" {
			return "", &refusal{http.StatusUnsupportedMediaType, "The request has the wrong content type."}
		}
		return cage.Program(strings.TrimPrefix(path, "git-")), nil
	}
	return "", &refusal{http.StatusNotFound, "There is nothing here."}
}

// refuse answers with what went wrong.
func (h *Host) refuse(w http.ResponseWriter, r *http.Request, repoID int64, err error) {
	var no *refusal
	switch {
	case errors.As(err, &no):
	case errors.Is(err, os.ErrDeadlineExceeded):
		no = &refusal{http.StatusRequestTimeout, "The request did not come in time."}
	case errors.Is(err, errTooLarge):
		no = &refusal{http.StatusRequestEntityTooLarge, "The request is too large."}
	case rehome.CodeOf(err) == rehome.NotFound:
		no = &refusal{http.StatusNotFound, "Repository not found."}
	case rehome.CodeOf(err) == rehome.DiskFull:
		no = &refusal{http.StatusServiceUnavailable, rehome.AsError(err).Message}
	case errors.Is(err, errClosed):
		no = &refusal{http.StatusServiceUnavailable, "The server is stopping."}
	case isDamage(err): // told already
		no = &refusal{http.StatusInternalServerError, "Something went wrong inside Rehome."}
	default:
		h.o.Log.ErrorContext(r.Context(), "git request failed", "repository", repoID, "error", err)
		no = &refusal{http.StatusInternalServerError, "Something went wrong inside Rehome."}
	}
	if no.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", map[bool]string{true: http.MethodPost, false: http.MethodGet}[r.Method == http.MethodGet])
	}
	if r.Method == http.MethodPost {
		w.Header().Set("Connection", "close") // net/http would wait for the rest of the request before it answers
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(no.status)
	fmt.Fprintln(w, no.text)
}
