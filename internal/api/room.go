package api

import (
	"context"
	"net/http"
	"strings"

	"rehome"
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

// roomFor refuses a request that begins work while the disk has no room for it. Nothing is changed then.
func (a *API) roomFor(ctx context.Context, c *call) error {
	if !c.route.fills() && !c.route.restarts() {
		return nil
	}
	low := a.wantRoom()
	if low == nil || c.route.fills() {
		return low
	}
	im, err := a.Importer.Get(ctx, c.repo.ID)
	if rehome.CodeOf(err) == rehome.NotFound || err == nil && im.State.Status.Running() {
		return nil // there is none to be taken up again, or its worker looks at the disk itself
	}
	if err != nil {
		return err
	}
	return low
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

// restarts reports whether a request may have an import go on that is at rest: every change below it does, or may.
func (r route) restarts() bool {
	return r.method != http.MethodGet && strings.HasPrefix(r.pattern, "/repos/{owner}/{repo}/import/")
}

// hasRoom answers a push for which there is no room, and reports whether there is. What Git LFS brings its own server refuses.
func (a *API) hasRoom(w http.ResponseWriter, g gitRequest) bool {
	if g.service == gitLFS || !g.pushes {
		return true
	}
	err := a.wantRoom()
	if err != nil {
		g.fail(w, failureOf(err, ""))
	}
	return err == nil
}
