package rewrite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"rehome/internal/compute"
	"rehome/internal/git/history"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/git/repo"
)

// mostKept is how many history packs are kept of rewrites before. With more, everything is gone through
// and comes into one pack: whoever reads the repository looks into all of them.
const mostKept = 20

// known is history that an earlier rewrite went through, as long as only more came behind it.
type known struct {
	*Before
	*covered
	packs                  []*pack.Pack // of From, with that history
	newHistory, newContent []string     // base names of packs that came since

	old     history.Set        // what new packs have, too
	parents map[object.ID]bool // named by what is new
}

// rewriteNew rewrites what came since the rewrite before. It is nil, without an error, where that could
// give other ids than going through everything, or is not known to give the same.
func rewriteNew(ctx context.Context, o Options) (*Result, error) {
	if !o.mayContinue() {
		return nil, nil
	}
	objects, err := o.From.Objects()
	if err != nil {
		return nil, err
	}
	defer objects.Close()
	var k *known
	err = pack.Guard(func() (err error) {
		k, err = o.Before.know(objects)
		return err
	})
	if err != nil || k == nil {
		return nil, err
	}
	graph, err := history.Read(ctx, k.source(o, objects))
	if err != nil {
		return nil, err
	}
	defer graph.Close()
	p := newPass(o, graph, objects)
	defer p.close()
	follows := false
	err = pack.Guard(func() (err error) {
		follows, err = p.follow(k)
		return err
	})
	if err != nil || !follows {
		return nil, err
	}
	return p.onKept(ctx)
}

// mayContinue says what can be said without looking at From.
func (o *Options) mayContinue() bool {
	b := o.Before
	if o.Into == nil || b == nil || b.covered == nil || len(b.packs) == 0 || len(b.packs) > mostKept || !o.canCover() || b.repo.Format() != o.From.Format() ||
		!slices.EqualFunc(notesOf(o.Refs), b.covered.notes, savedRef.equal) {
		return false
	}
	info, err := os.Stat(b.commits)
	return err == nil && info.Size() == mapSize(b.repo.Format(), b.covered.counts.Commits) && b.agrees(o.Plan.Authors)
}

// know tells packs that came since from those there were, nil where one of those is gone, or one that
// came holds both history and content.
func (b *Before) know(objects *repo.Objects) (*known, error) {
	k := &known{Before: b, covered: b.covered}
	for _, name := range b.covered.history {
		k.packs = append(k.packs, objects.Pack(name))
	}
	if slices.Contains(k.packs, nil) {
		return nil, nil
	}
	for name, one := range objects.Named() {
		if slices.Contains(b.covered.history, name) || slices.Contains(b.covered.content, name) {
			continue
		}
		isHistory, err := one.Only(object.Commit, object.Tag)
		isContent := false
		if err == nil && !isHistory {
			isContent, err = one.Only(object.Tree, object.Blob)
		}
		switch {
		case err != nil:
			return nil, fmt.Errorf("look into %s: %w", name, err)
		case isHistory:
			k.newHistory = append(k.newHistory, name)
		case isContent:
			k.newContent = append(k.newContent, name)
		default:
			return nil, nil
		}
	}
	return k, nil
}

func (k *known) source(o Options, objects *repo.Objects) history.Source {
	s := history.Source{Format: o.From.Format(), Scratch: repo.Scratch(o.scratch()), Workers: o.Workers}
	for _, name := range k.newHistory {
		s.Packs = append(s.Packs, objects.Pack(name))
	}
	return s
}

// has reports whether an object was gone through.
func (k *known) has(id object.ID) bool {
	for _, one := range k.packs {
		if _, ok := one.Index.Find(id); ok {
			return !isAmong(k.unseen, id.Bytes()) && k.noted.find(id.Bytes()) == nil
		}
	}
	return false
}

// changed returns the new id of an object that changed; nothing is changed for nil.
func (k *known) changed(id object.ID) (now object.ID, ok bool) {
	if k == nil {
		return now, false
	}
	now = k.renamed(id)
	return now, now != id
}

// renamed returns the new id of an object that was gone through, its old one when it did not change.
func (k *known) renamed(id object.ID) object.ID {
	for _, some := range []pairs{k.pairs, k.noted} {
		if now := some.find(id.Bytes()); now != nil {
			return object.FromBytes(id.Format(), now)
		}
	}
	return id
}

// follow makes k what the pass knows. It is false where what is new does not only come behind that.
func (p *pass) follow(k *known) (bool, error) {
	turn := compute.Take()
	defer turn.Give()
	k.old, k.parents = p.graph.NewSet(), map[object.ID]bool{}
	for n := range uint32(p.graph.Len()) {
		if k.has(p.graph.ID(n)) {
			k.old.Add(n)
		}
	}
	p.known, p.result.known = k, k
	var tips []object.ID
	for _, r := range p.o.Refs {
		if !isNotes(r) {
			tips = append(tips, r.ID)
		}
	}
	p.plain, p.result.noted = p.graph.Reach(tips), p.graph.NewSet()
	p.plain.Remove(k.old)
	p.reached = p.plain
	p.historyPacks = append(slices.Clone(k.history), k.newHistory...)
	p.contentPacks = append(slices.Clone(k.covered.content), k.newContent...)
	if _, ok := p.odd(); !ok {
		return false, nil
	}
	for _, find := range []func() (bool, error){p.findParents, p.findTips} {
		if ok, err := find(); err != nil || !ok {
			return false, err
		}
	}
	return p.reachesEnds(), nil
}

// findParents notes what new objects name, and reports whether all of that is there.
func (p *pass) findParents() (bool, error) {
	for n := range uint32(p.graph.Len()) {
		if !p.reached.Has(n) {
			continue
		}
		if p.isNoted(n) {
			return false, nil
		}
		raw := p.graph.Bytes(n)
		if p.graph.Type(n) == object.Tag {
			tag, _ := object.ParseTag(p.graph.Format(), raw)
			p.known.parents[tag.Object] = true
			continue
		}
		commit, _ := object.ParseCommit(p.graph.Format(), raw)
		for id := range commit.Parents() {
			if !p.isHistory(id) {
				return false, nil
			}
			p.known.parents[id] = true
		}
	}
	for id := range p.known.parents {
		if ok, err := p.isThere(id); err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

// isNoted reports whether notes had to do with an object that is new.
func (p *pass) isNoted(n uint32) bool {
	id := p.graph.IDBytes(n)
	return p.known.noted.find(id) != nil || isAmong(p.known.unmet, id)
}

// findTips reports whether all refs but those of notes, which stay, name what is there.
func (p *pass) findTips() (bool, error) {
	for _, r := range p.o.Refs {
		if isNotes(r) {
			continue
		}
		if ok, err := p.isThere(r.ID); err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

// isHistory reports whether an object is history that was gone through or is new.
func (p *pass) isHistory(id object.ID) bool {
	_, ok := p.graph.Find(id)
	return ok || p.known.has(id)
}

// isThere reports whether an object is history as above, or content.
func (p *pass) isThere(id object.ID) (bool, error) {
	if p.isHistory(id) {
		return true, nil
	}
	t, err := p.objects.Type(id)
	if errors.Is(err, repo.ErrNoObject) {
		return false, nil
	}
	return t == object.Tree || t == object.Blob, err
}

// reachesEnds reports whether all that was reached, but by notes alone, is so now.
func (p *pass) reachesEnds() bool {
	tips := make(map[object.ID]bool, len(p.o.Refs))
	for _, r := range p.o.Refs {
		if !isNotes(r) {
			tips[r.ID] = true
		}
	}
	for id := range ids(p.graph.Format(), p.known.ends) {
		if !tips[id] && !p.known.parents[id] {
			return false
		}
	}
	return true
}

// onKept rewrites what is new beside the packs that the rewrite before left.
func (p *pass) onKept(ctx context.Context) (*Result, error) {
	into, b := p.o.Into, p.known.Before
	had, err := into.PackNames()
	if err != nil {
		return nil, err
	}
	err = into.LinkPack(b.repo, b.packs...)
	if err == nil {
		p.result.Counts = b.covered.counts // and more
		p.result.Pack, err = into.WritePack(ctx, p.writing(ctx))
	}
	if err != nil {
		for _, name := range b.packs {
			if !slices.Contains(had, name) {
				err = errors.Join(err, into.RemovePack(name))
			}
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil // one is gone
		}
		return nil, err
	}
	p.result.Kept = b.packs
	p.finish()
	return p.result, nil
}
