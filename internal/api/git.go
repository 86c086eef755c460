package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"rehome"
	"rehome/internal/auth"
)

// gitRequest is a request of Git's smart HTTP protocol for a hosted repository.
type gitRequest struct {
	owner, repo string
	service     string // what follows the repository's URL
	pushes      bool   // it needs the right to write
}

// splitGit takes BASE/{owner}/{repo}.git/{service} apart; .git may be left out, as on GitHub.
func splitGit(r *http.Request) (gitRequest, bool) {
	path := strings.TrimPrefix(r.URL.EscapedPath(), "/")
	for _, service := range []string{"info/refs", "git-upload-pack", "git-receive-pack"} {
		rest, found := strings.CutSuffix(path, "/"+service)
		if !found {
			continue
		}
		owner, repo, _ := strings.Cut(rest, "/")
		owner, errOwner := url.PathUnescape(owner)
		repo, errRepo := url.PathUnescape(strings.TrimSuffix(repo, ".git"))
		if errOwner != nil || errRepo != nil || auth.CheckLogin(owner) != nil || !namePattern.MatchString(repo) {
			return gitRequest{}, false
		}
		pushes := service == "git-receive-pack" || r.URL.Query().Get("service") == "git-receive-pack"
		return gitRequest{owner: owner, repo: repo, service: service, pushes: pushes}, true
	}
	return gitRequest{}, false
}

// git lets the host serve the repository to those who may have it.
func (a *API) git(w http.ResponseWriter, r *http.Request, g gitRequest, l *entry) {
	l.pattern = "/{owner}/{repo}.git/" + g.service
	caller, err := a.Auth.Identify(r.Context(), r)
	l.user = caller.User().Login
	if err != nil && !errors.Is(err, auth.ErrBadCredentials) {
		l.err = err
		refuseGit(w, http.StatusInternalServerError, errInternal.message)
		return
	}
	if err != nil {
		refuseGit(w, http.StatusUnauthorized, "Bad credentials")
		return
	}
	repo, status := a.gitRepository(r.Context(), caller, g, l)
	switch status {
	case http.StatusOK:
		a.Host.Serve(w, r, repo.ID, g.service, caller.CanWrite(repo))
	case http.StatusUnauthorized:
		refuseGit(w, status, "Sign in with a token of this server as the password.")
	case http.StatusForbidden:
		refuseGit(w, status, "You may read this repository, but not push to it.")
	case http.StatusNotFound:
		refuseGit(w, status, "Repository not found.")
	default:
		refuseGit(w, status, errInternal.message)
	}
}

// gitRepository finds the repository and says with which status it is the caller's to
// use. A caller without credentials cannot tell a private one from none.
func (a *API) gitRepository(ctx context.Context, caller auth.Caller, g gitRequest, l *entry) (rehome.Repository, int) {
	repo, err := a.DB.Repository(ctx, g.owner, g.repo)
	switch {
	case err != nil && rehome.CodeOf(err) != rehome.NotFound:
		l.err = err
		return repo, http.StatusInternalServerError
	case err == nil && (caller.CanWrite(repo) || caller.CanRead(repo) && !g.pushes):
		return repo, http.StatusOK
	case caller.Anonymous():
		return repo, http.StatusUnauthorized
	case err == nil && caller.CanRead(repo):
		return repo, http.StatusForbidden
	}
	return repo, http.StatusNotFound
}

// refuseGit answers in plain text, which git shows to its user.
func refuseGit(w http.ResponseWriter, status int, message string) {
	h := w.Header()
	if status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Basic realm="Rehome"`)
	}
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-cache, max-age=0, must-revalidate")
	w.WriteHeader(status)
	w.Write([]byte(message + "\n")) //nolint:errcheck // see writeBody
}
