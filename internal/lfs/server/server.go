// Package server answers the Git LFS API for the repositories of a host: batch, basic transfers with
// range and resume, verify (git-lfs docs/api). File locking is not offered.
//
// An object is a repository's own only when its bytes were uploaded or imported there: rows say so. What
// another repository has is not there, though the store keeps each object once.
package server

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"rehome"
	"rehome/internal/lfs"
	"rehome/internal/store"
)

// Options are the parts a Server answers from. Store and DB are required.
type Options struct {
	Store     *lfs.Store
	DB        *store.DB
	MaxObject int64        // bytes of an object that is uploaded; default 50 GiB
	Room      func() error // why there is no room for uploads, nil where there is; default: there always is
	Log       *slog.Logger // default: nothing is logged
}

// Server answers for every repository. It is safe for concurrent use.
type Server struct {
	Options
	idle time.Duration // see idle
	step int           // see step
}

// New returns a Server.
func New(o Options) *Server {
	if o.MaxObject == 0 {
		o.MaxObject = 50 << 30
	}
	if o.Room == nil {
		o.Room = func() error { return nil }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Server{Options: o, idle: idle, step: step}
}

// exchange is one request and its answer.
type exchange struct {
	*Server
	w        http.ResponseWriter
	r        *http.Request
	repoID   int64
	base     *url.URL
	mayWrite bool
}

// Serve answers one request on a repository. base is the repository's URL as the client sees it,
// BASE/owner/repo.git; path is what follows base's /info/lfs/, still escaped. Who may read was decided
// before; mayWrite says whether an upload is allowed.
func (s *Server) Serve(w http.ResponseWriter, r *http.Request, repoID int64, base *url.URL, path string, mayWrite bool) {
	w.Header().Set("Cache-Control", "no-store")
	x := &exchange{s, &slowWriter{ResponseWriter: w, idle: s.idle}, r, repoID, base, mayWrite}
	if err := x.serve(r.Context(), path); err != nil {
		x.refuse(err)
	}
}

func (x *exchange) serve(ctx context.Context, path string) error {
	name, isObject := strings.CutPrefix(path, "objects/")
	switch {
	case path == "objects/batch":
		return x.batch(ctx)
	case path == "verify":
		return x.verify(ctx)
	case path == "locks" || strings.HasPrefix(path, "locks/"):
		// A 404 is how git-lfs learns that there are no locks, and it pushes on (docs/api/locking.md).
		return &refusal{http.StatusNotFound, "File locking is not offered here."}
	case !isObject:
		return &refusal{http.StatusNotFound, "There is nothing here."}
	}
	oid, err := lfs.ParseOID(name)
	if err != nil {
		return &refusal{http.StatusNotFound, "This is no id of an object: " + rehome.Clean(err.Error(), 200) + "."}
	}
	switch x.r.Method {
	case http.MethodGet, http.MethodHead:
		return x.download(ctx, oid)
	case http.MethodPut:
		return x.upload(ctx, oid)
	}
	return x.methodIsNot("GET, HEAD, PUT")
}

// methodIsNot refuses a request's method.
func (x *exchange) methodIsNot(allowed string) error {
	x.w.Header().Set("Allow", allowed)
	return &refusal{http.StatusMethodNotAllowed, "Ask for this with " + allowed + "."}
}

// wantWrite refuses those who may only read: who came without credentials should bring some.
func (x *exchange) wantWrite() error {
	switch {
	case x.mayWrite:
		return nil
	case x.r.Header.Get("Authorization") == "":
		return &refusal{http.StatusUnauthorized, "Sign in with a token of this server as the password."}
	}
	return &refusal{http.StatusForbidden, "You may read this repository, but not push to it."}
}

// sizes returns those of the objects that the repository has and the store keeps whole, with their sizes.
func (x *exchange) sizes(ctx context.Context, oids ...lfs.OID) (map[lfs.OID]int64, error) {
	names := make([]string, len(oids))
	for i, oid := range oids {
		names[i] = oid.String()
	}
	rows, err := x.DB.LFSObjects(ctx, x.repoID, names)
	if err != nil {
		return nil, err
	}
	sizes := make(map[lfs.OID]int64, len(rows))
	for i, oid := range oids {
		want, ok := rows[names[i]]
		if !ok {
			continue
		}
		got, err := x.Store.Size(ctx, oid)
		switch {
		case err == nil && got == want:
			sizes[oid] = want
		case err == nil, errors.Is(err, fs.ErrNotExist):
			// Missing here, it can be uploaded again.
			x.Log.ErrorContext(ctx, "LFS object is damaged or lost", "repository", x.repoID, "oid", names[i], "size", want, "stored", got)
		default:
			return nil, err
		}
	}
	return sizes, nil
}
