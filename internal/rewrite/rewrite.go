// Package rewrite makes the history that a plan asks for out of the history there is.
//
//	read every commit and tag into a graph of numbers
//	trees and blobs first, where large files change or submodules were moved (package content)
//	in order, parents first: what names a mapped identity, or names something that changed,
//	    is edited, hashed, deflated and written; everything else keeps its id
//	then trees of refs/notes, whose entries are named by what they annotate
//	copy the entries of what did not change; the result is one pack with all commits and
//	    tags of the new history
//
// Where an earlier rewrite with the same plan is there, and history only grew, the commits and tags that
// are new alone are gone through.
//
// It is a pure function of objects, plan and rehome.Engine: dates are never read, encodings
// never guessed, and the order in which objects lie in their packs plays no part.
package rewrite

import (
	"context"
	"fmt"
	"os"

	"rehome"
	"rehome/internal/compute"
	"rehome/internal/git/attributes"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/git/repo"
	"rehome/internal/lfs"
	"rehome/internal/submodule"
)

// Plan says how history is changed. The same history, the same plan and the same
// rehome.Engine give the same ids.
type Plan struct {
	Authors  map[rehome.Identity]rehome.Identity           // who becomes whom, by exact bytes; others stay
	Trailers func(rehome.Identity) (rehome.Identity, bool) // who becomes whom in trailers of messages; nil leaves messages alone
	Hashes   bool                                          // ids of commits in messages become the new ones
	Large    LargeFiles

	Submodules *submodule.Moved // repositories that history has as submodules and that were moved; nil leaves submodules as they are
}

// changesContent reports whether trees and blobs may become others.
func (p *Plan) changesContent() bool { return p.Large.changes() || p.Submodules != nil }

// LargeFiles says what becomes of large files, wherever in history they are.
type LargeFiles struct {
	Choice rehome.LFSChoice     // "" is undecided: they stay
	Over   int64                // files of more bytes are large
	Match  *attributes.Patterns // so are those whose path matches; nil for none
}

// Options say what is rewritten.
type Options struct {
	From     *repo.Repo // never changed, unless it is Into as well
	Refs     []repo.Ref // what is to be published of it
	Into     *repo.Repo // where the new history pack goes; nil writes nothing and only counts
	Plan     Plan
	Store    *lfs.Store              // gets the files that become Git LFS objects; needed only for those
	Before   *Before                 // an earlier rewrite to take from what stays the same; may be nil
	Workers  int                     // 0 is one for each processor
	Progress func(done, total int64) // of commits and tags looked at, now and then; may be nil

	Converting func(done, total int64) // bytes that became Git LFS objects, of those that will; now and then; may be nil
}

// Ref is a ref before and after.
type Ref struct {
	Name          string
	Source, Final object.ID // Final is not known when nothing is written and Changed is set
	Changed       bool
	Removed       bool // it names a file that leaves history, so it is not published; Final is zero
}

// Run rewrites the history that Refs reach. Only Into gets something, the pack with its
// index, synced; after an error it gets nothing. An error that people can mend is a *rehome.Error.
func Run(ctx context.Context, o Options) (*Result, error) {
	if o.Workers == 0 {
		o.Workers = compute.Processors()
	}
	if o.Progress == nil {
		o.Progress = func(int64, int64) {}
	}
	r, err := run(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("rewrite: %w", err)
	}
	return r, nil
}

func run(ctx context.Context, o Options) (*Result, error) {
	if r, err := rewriteNew(ctx, o); r != nil || err != nil {
		return r, err
	}
	objects, err := o.From.Objects()
	if err != nil {
		return nil, err
	}
	defer objects.Close()
	tips := make([]object.ID, 0, len(o.Refs))
	for _, r := range o.Refs {
		tips = append(tips, r.ID)
	}
	graph, err := objects.History(ctx, tips, repo.Scratch(o.scratch()), o.Workers)
	if err != nil {
		return nil, err
	}
	defer graph.Close()
	p := newPass(o, graph, objects)
	defer p.close()
	if err := pack.Guard(p.tellPacks); err != nil {
		return nil, err
	}
	if err := pack.Guard(func() error { return p.changeContent(ctx) }); err != nil {
		return nil, p.withoutContent(err)
	}
	if err := p.useBefore(); err != nil {
		return nil, p.withoutContent(err)
	}
	if o.Into == nil {
		err = pack.Guard(func() error { return p.rewrite(ctx) })
	} else {
		p.result.Pack, err = o.Into.WritePack(ctx, p.writing(ctx))
	}
	if err != nil {
		return nil, p.withoutContent(err)
	}
	p.finish()
	return p.result, nil
}

// writing is into as a pack is written with it.
func (p *pass) writing(ctx context.Context) func(file, index pack.File, scratch pack.Scratch) (pack.Written, error) {
	return func(file, index pack.File, scratch pack.Scratch) (pack.Written, error) {
		return p.into(ctx, file, index, scratch)
	}
}

// scratch is the folder for what grows with the repository.
func (o *Options) scratch() string {
	if o.Into != nil {
		return o.Into.Dir()
	}
	return os.TempDir()
}
