package api

import (
	"net/http"
)

// retryAfter is when a client that met a full disk is asked to come again, in seconds.
const retryAfter = "60"

// noRoom is why new work is refused for a while.
type noRoom struct{ error }

func (e *noRoom) Unwrap() error { return e.error }

// wantRoom refuses new work while the disk has no room for it. h are the answer's headers, nil for none.
func (a *API) wantRoom(h http.Header) error {
	err := a.Importer.Room()
	if err == nil {
		return nil
	}
	if h != nil {
		h.Set("Retry-After", retryAfter)
	}
	return &noRoom{err}
}

// fills reports whether a request brings new work that takes room.
func (r route) fills() bool {
	switch r.pattern {
	case "/repos/{owner}/{repo}/import":
		return r.method == http.MethodPut || r.method == http.MethodPatch
	case "/user/repos", "/orgs/{org}/repos":
		return r.method == http.MethodPost
	}
	return false
}

// hasRoom answers a push for which there is no room, and reports whether there is. What Git LFS brings its own server refuses.
func (a *API) hasRoom(w http.ResponseWriter, g gitRequest) bool {
	if g.service == gitLFS || !g.pushes {
		return true
	}
	err := a.wantRoom(w.Header())
	if err != nil {
		refuseGit(w, http.StatusServiceUnavailable, failureOf(err, "").message)
	}
	return err == nil
}
