// Package rewrite makes the history that a plan asks for out of the history there is.
package rewrite

import (
	"context"
	"errors"
	"io"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
)

// Plan says how history is changed. The same history, the same plan and the same
// rehome.Engine give the same ids.
type Plan struct {
	Authors  map[rehome.Identity]rehome.Identity               // who becomes whom, by exact bytes; others stay
	Trailers func(rehome.Identity) (rehome.Identity, bool) // who becomes whom in trailers of messages; nil leaves messages alone
	Hashes   bool                                          // ids of commits in messages become the new ones
}

// Options say what is rewritten.
type Options struct {
	From     *repo.Repo // never changed
	Refs     []repo.Ref // what is to be published of it
	Into     *repo.Repo // where the new history pack goes; nil writes nothing and only counts
	Plan     Plan
	Workers  int                     // 0 is one for each processor
	Progress func(done, total int64) // of commits and tags that change, now and then from one goroutine; may be nil
}

// Ref is a ref before and after.
type Ref struct {
	Name          string
	Source, Final object.ID
}

// Result is what came of it. Close gives back its memory.
type Result struct {
	Refs              []Ref // in the order of Options.Refs
	Commits           int64
	CommitsChanged    int64
	TagsChanged       int64
	SignaturesDropped int64
	Pack              string // base name of the new history pack in Into; "" when nothing changed
}

// Run rewrites the history that Refs reach.
func Run(ctx context.Context, o Options) (*Result, error) { return nil, errors.New("not there yet") }

// WriteMap writes the commit map: a header, then `OLD NEW` for every commit, by OLD.
func (r *Result) WriteMap(w io.Writer) error { return nil }

// New returns what became of a commit or tag; false when it is none of this history.
func (r *Result) New(old object.ID) (object.ID, bool) { return object.ID{}, false }

// Close gives back memory.
func (r *Result) Close() {}
