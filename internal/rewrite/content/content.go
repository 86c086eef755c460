// Package content makes the trees of a history anew where large files become Git LFS pointers or leave it, and where
// submodules were moved.
//
//	choose   blobs over the size; names that a pattern may match
//	scan     one walk over all trees: which lies in which, and which names what may be chosen, or a
//	         submodule's commit that became another
//	edit     .gitmodules files that name what was moved
//	plan     from the roots down: the trees that change, once for each state that patterns can be in there
//	convert  each chosen blob, streamed, becomes a Git LFS object and its pointer
//	remake   by height, each tree once: only changed entries get other bytes; the root's
//	         .gitattributes names the pointers of its own tree and no others
//	write    entries that are kept are copied as they lie; those whose delta base is dropped, and
//	         new trees, are made anew, as deltas of what the old ones were deltas of
//
// It is a pure function of objects and choice: how objects lie in the pack decides how the new
// pack is laid out, never an id.
package content

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"rehome"
	"rehome/internal/git/attributes"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/git/repo"
	"rehome/internal/lfs"
	"rehome/internal/submodule"
)

// Options say what becomes of which files. Objects are those of a repository whose trees and
// blobs are all in one pack.
type Options struct {
	Objects *repo.Objects
	Format  object.Format
	Roots   []object.ID // trees of commits, and those that refs and tags name
	Blobs   []object.ID // blobs that refs and tags name
	Kept    []object.ID // trees that stay as they are, whatever they hold

	Choice rehome.LFSChoice     // opt_in, opt_out, or another to leave files as they are
	Over   int64                // files of more bytes are chosen
	Match  *attributes.Patterns // and those whose path matches; nil is none

	Submodules *submodule.Moved // commits and .gitmodules files become what it says; nil leaves them

	Into       *repo.Repo // gets the new pack; nil only counts
	Store      *lfs.Store // gets what becomes a Git LFS object
	Scratch    pack.Scratch
	Workers    int
	Converting func(done, total int64) // bytes of chosen blobs
}

// Result is what came of it.
type Result struct {
	Pack     string       // base name of the new pack; "" when nothing changes, and while only counting
	Replaced string       // base name of the pack it stands instead of
	Objects  []lfs.Object // by OID
	Files    int64        // chosen blobs
	Bytes    int64        // of them
	Removed  [][]byte     // paths, sorted

	Submodules submodule.Changes

	renamed map[object.ID]object.ID
	gone    map[object.ID]bool
}

// New returns what became of a root or of a blob that a ref or tag names; the zero id when it
// left, or while only counting. ok is false when it stays.
func (r *Result) New(old object.ID) (now object.ID, ok bool) {
	now, ok = r.renamed[old]
	return now, ok
}

// Changed reports whether anything changes.
func (r *Result) Changed() bool { return len(r.renamed) > 0 }

// Gone reports whether a blob that a ref or tag names left history.
func (r *Result) Gone(id object.ID) bool { return r.gone[id] }

// Each yields every root and named blob that became another, the zero id for one that left.
func (r *Result) Each(yield func(old, now object.ID) bool) {
	for old, now := range r.renamed {
		if !yield(old, now) {
			return
		}
	}
}

// Restore returns a result that was taken apart with Each.
func Restore(r Result, each iter.Seq2[object.ID, object.ID]) *Result {
	r.renamed, r.gone = map[object.ID]object.ID{}, map[object.ID]bool{}
	for old, now := range each {
		r.renamed[old] = now
		if now.IsZero() {
			r.gone[old] = true
		}
	}
	return &r
}

// Run makes the new content. An error that people can mend is a *rehome.Error; Into has gained
// nothing then.
func Run(ctx context.Context, o Options) (*Result, error) {
	if o.Choice == rehome.LFSOptIn && o.Into != nil && o.Store == nil {
		return nil, errors.New("convert large files: there is no store for them")
	}
	if o.Converting == nil {
		o.Converting = func(int64, int64) {}
	}
	var r *Result
	err := pack.Guard(func() (err error) {
		r, err = run(ctx, o)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("change content: %w", err)
	}
	return r, nil
}

func run(ctx context.Context, o Options) (*Result, error) {
	p := &pass{Options: o, result: &Result{renamed: map[object.ID]object.ID{}, gone: map[object.ID]bool{}}}
	p.newPathSets()
	if err := p.newRules(); err != nil {
		return nil, err
	}
	defer p.close()
	if err := p.open(ctx); err != nil || p.pack == nil {
		return p.result, err
	}
	p.findLinkedRoots()
	for _, step := range []func(context.Context) error{p.choose, p.scan, p.sift, p.editModules, p.plan} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	if o.Into == nil {
		return p.result, p.count()
	}
	named := false
	for range p.namedLarge {
		named = true
	}
	if len(p.nodes) == 0 && !named {
		p.countSubmodules()
		return p.result, nil
	}
	for _, step := range []func(context.Context) error{p.convert, p.findTwins, p.remake, p.listRemoved, p.write} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	p.finish()
	return p.result, nil
}

// open finds the pack and reads how its entries lie.
func (p *pass) open(ctx context.Context) error {
	for name, one := range p.Objects.Named() {
		isHistory, err := one.Only(object.Commit, object.Tag)
		if err != nil {
			return err
		}
		if isHistory {
			continue
		}
		if p.pack != nil {
			return errors.New("trees and blobs are in more than one pack")
		}
		p.pack, p.name = one, name
	}
	if p.pack == nil {
		return nil
	}
	var err error
	if p.forest, err = p.pack.Forest(ctx, p.Scratch); err != nil {
		return err
	}
	n := p.forest.Len()
	p.links.scratch = p.Scratch
	if p.links.where, err = p.take64(n); err == nil {
		p.first, err = p.take32(n)
	}
	return err
}

// removes reports whether chosen files leave history.
func (o *Options) removes() bool { return o.Choice == rehome.LFSOptOut }

// converts reports whether chosen files become pointers.
func (o *Options) converts() bool { return o.Choice == rehome.LFSOptIn }

// listRemoved lists the paths of what is removed.
func (p *pass) listRemoved(context.Context) (err error) {
	if !p.removes() {
		return nil
	}
	var of []uint32
	for _, id := range p.Roots {
		if n, ok := p.rootNode(id); ok {
			of = append(of, p.nodes[n].set)
		}
	}
	slices.Sort(of)
	p.result.Removed, err = p.allPaths(slices.Compact(of))
	return err
}

// finish fills in the result.
func (p *pass) finish() {
	for _, id := range p.Roots {
		if n, ok := p.rootNode(id); ok {
			p.result.renamed[id] = p.newID(n)
		}
	}
	for id, i := range p.namedLarge {
		p.rename(id, p.pointerOf(i)) // it may stay elsewhere, as a symlink for one
	}
	p.countFiles()
}

// lacksFile reports whether a root has files that become pointers, and a .gitattributes that is no file.
func (p *pass) lacksFile(n *node) bool {
	r, _ := p.links.of(n.tree)
	if !p.converts() || r[2] != noFile {
		return false
	}
	for i := range r.files() {
		if p.chooses(n.state, r.file(i)) {
			return true
		}
	}
	return false
}

// rename notes what becomes of a named blob.
func (p *pass) rename(blob, now object.ID) {
	p.result.renamed[blob] = now
	if p.removes() {
		p.result.gone[blob] = true
	}
}

// pointerOf returns the pointer's id for a chosen blob, the zero id when it is removed.
func (p *pass) pointerOf(blob uint32) object.ID {
	if c, ok := p.converted[blob]; ok {
		return c.pointer
	}
	return p.Format.Zero()
}

// count fills in what is known without making anything.
func (p *pass) count() error {
	for _, id := range p.Roots {
		n, ok := p.rootNode(id)
		if !ok {
			continue
		}
		if p.lacksFile(&p.nodes[n]) {
			return p.noFile(p.nodes[n].tree)
		}
		p.result.renamed[id] = p.Format.Zero()
	}
	for id := range p.namedLarge {
		p.rename(id, p.Format.Zero())
	}
	p.countFiles()
	return nil
}

// countFiles counts the chosen blobs and lists their objects.
func (p *pass) countFiles() {
	p.countSubmodules()
	for i := range p.chosen.each {
		p.result.Files++
		p.result.Bytes += p.sizes[i]
	}
	for _, c := range p.converted {
		p.result.Objects = append(p.result.Objects, c.object)
	}
	slices.SortFunc(p.result.Objects, func(a, b lfs.Object) int { return slices.Compare(a.OID[:], b.OID[:]) })
	p.result.Objects = slices.Compact(p.result.Objects)
}

// namedLarge yields the blobs that a ref or tag names and that are chosen: no path tells whether a pattern is
// for them.
func (p *pass) namedLarge(yield func(id object.ID, blob uint32) bool) {
	for _, id := range p.Blobs {
		i, ok := p.pack.Index.Find(id)
		if ok && p.large.has(uint32(i)) && !p.left.has(uint32(i)) && !yield(id, uint32(i)) {
			return
		}
	}
}
