package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"rehome"
	"rehome/internal/auth"
	"rehome/internal/lfs/server"
)

// gitRequest is a request of Git's smart HTTP protocol, or of the Git LFS API, for a hosted repository.
type gitRequest struct {
	owner, repo string
	service     string // what follows the repository's URL; gitLFS
	lfs         string // what follows that, escaped
	pushes      bool   // it needs the right to write; what a batch of Git LFS needs is known later
}

// gitLFS is where the Git LFS API of a repository is, as git-lfs expects (docs/api/server-discovery.md).
const gitLFS = "info/lfs"

// splitGit takes BASE/{owner}/{repo}.git/{service} apart; .git may be left out, as on GitHub.
func splitGit(r *http.Request) (gitRequest, bool) {
	path := strings.TrimPrefix(r.URL.EscapedPath(), "/")
	if rest, asked, found := strings.Cut(path, "/"+gitLFS+"/"); found {
		return namedGit(rest, gitRequest{service: gitLFS, lfs: asked, pushes: r.Method == http.MethodPut})
	}
	for _, service := range []string{"info/refs", "git-upload-pack", "git-receive-pack"} {
		if rest, found := strings.CutSuffix(path, "/"+service); found {
			pushes := service == "git-receive-pack" || r.URL.Query().Get("service") == "git-receive-pack"
			return namedGit(rest, gitRequest{service: service, pushes: pushes})
		}
	}
	return gitRequest{}, false
}

// namedGit adds what {owner}/{repo}.git names.
func namedGit(path string, g gitRequest) (gitRequest, bool) {
	owner, repo, _ := strings.Cut(path, "/")
	owner, errOwner := url.PathUnescape(owner)
	repo, errRepo := url.PathUnescape(strings.TrimSuffix(repo, ".git"))
	if errOwner != nil || errRepo != nil || auth.CheckLogin(owner) != nil || rehome.CheckRepositoryName(repo) != nil {
		return gitRequest{}, false
	}
	g.owner, g.repo = owner, repo
	return g, true
}

// git lets the host serve the repository to those who may have it.
func (a *API) git(w http.ResponseWriter, r *http.Request, g gitRequest, l *entry) {
	l.pattern = "/{owner}/{repo}.git/" + g.service
	refuse := g.refuse()
	caller, err := a.Guard.Identify(r.Context(), r, a.bases.network(r))
	l.user = caller.User().Login
	if err != nil && !errors.Is(err, auth.ErrBadCredentials) {
		f := failureOf(err, "")
		if f.status >= http.StatusInternalServerError {
			l.err = err
		}
		g.fail(w, f)
		return
	}
	if err != nil {
		refuse(w, http.StatusUnauthorized, "Bad credentials")
		return
	}
	repo, status := a.gitRepository(r.Context(), caller, g, l)
	switch status {
	case http.StatusOK:
		a.serveGit(w, r, g, repo, caller.CanWrite(repo))
	case http.StatusUnauthorized:
		refuse(w, status, "Sign in with a token of this server as the password.")
	case http.StatusForbidden:
		refuse(w, status, "You may read this repository, but not push to it.")
	case http.StatusNotFound:
		refuse(w, status, "Repository not found.")
	default:
		g.fail(w, failureOf(l.err, ""))
	}
}

func (a *API) serveGit(w http.ResponseWriter, r *http.Request, g gitRequest, repo rehome.Repository, mayWrite bool) {
	if a.Host == nil {
		g.refuse()(w, http.StatusNotFound, "No repositories are hosted here: they are where their imports go.")
		return
	}
	if !a.hasRoom(w, g) {
		return
	}
	if g.service != gitLFS {
		a.withChild(w, r, g, func() { a.Host.Serve(w, r, repo.ID, g.service, mayWrite) })
		return
	}
	base, err := url.Parse(a.bases.of(r, "").Clone(repo))
	if err != nil || a.LFS == nil {
		server.Refuse(w, http.StatusNotFound, "Git LFS is not offered here.")
		return
	}
	a.LFS.Serve(w, r, repo.ID, base, g.lfs, mayWrite)
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
