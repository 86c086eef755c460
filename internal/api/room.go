package api

import (
	"net/http"
)

// noRoom is why new work is refused for a while.
type noRoom struct{ error }

func (e *noRoom) Unwrap() error { return e.error }

// wantRoom refuses new work while the disk has no room for it.
func (a *API) wantRoom() error {
	if err := a.Importer.Room(); err != nil {
		return &noRoom{err}
	}
	return nil
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
	err := a.wantRoom()
	if err != nil {
		w.Header().Set("Retry-After", "30")
		refuseGit(w, http.StatusServiceUnavailable, failureOf(err, "").message)
	}
	return err == nil
}
