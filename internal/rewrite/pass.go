package rewrite

import (
	"context"
	"fmt"

	"rehome"
	"rehome/internal/compute"
	"rehome/internal/git/history"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
	"rehome/internal/rewrite/content"
)

// pass is one rewrite under way.
type pass struct {
	o       Options
	graph   *history.Graph
	objects *repo.Objects
	editor  *Editor
	hasher  *object.Hasher
	mapped  []bool          // by number of identity
	looked  history.Set     // what was gone through, in order
	ids     idTable         // the new id of each
	sink    *sink           // nil when nothing is written
	before  *again          // nil without an earlier rewrite
	content *content.Result // nil when trees and blobs stay
	result  *Result
	reach
	progress
	packs
}

// packs are the base names of From's packs.
type packs struct {
	historyPacks, contentPacks []string
	known                      *known // what of them is not looked at again; nil for nothing
}

// reach is what refs reach.
type reach struct {
	reached history.Set
	plain   history.Set        // by other refs than those of notes
	gone    history.Set        // tags of what left history
	unmet   map[object.ID]bool // named by notes, but not reached; mostUnmet and one, where there are more; nil while no tree of notes was read
}

// progress is how far a rewrite is.
type progress struct {
	done, total int64
	turn        *compute.Turn // nil where nothing is computed for long
}

func newPass(o Options, g *history.Graph, objects *repo.Objects) *pass {
	p := &pass{
		o: o, graph: g, objects: objects, editor: NewEditor(g.Format(), o.Plan), hasher: object.NewHasher(g.Format()),
		mapped: make([]bool, len(g.Identities())), looked: g.NewSet(), ids: newIDTable(g),
	}
	p.result = &Result{plan: o.Plan, graph: g, ids: &p.ids, sets: sets{looked: p.looked, changed: g.NewSet()}}
	p.editor.Abbreviated = p.abbreviated
	p.gone = g.NewSet()
	p.divide()
	for i, who := range g.Identities() {
		becomes, ok := o.Plan.Authors[who]
		p.mapped[i] = ok && becomes != who
	}
	return p
}

// rewrite goes through everything the refs reach: history first, then the notes on it.
func (p *pass) rewrite(ctx context.Context) error {
	p.total = int64(p.reached.Len())
	p.turn = compute.Take()
	if p.sink != nil {
		p.sink.turn = p.turn
	}
	defer func() {
		p.turn.Give()
		if p.turn = nil; p.sink != nil {
			p.sink.turn = nil
		}
	}()
	order, err := p.graph.Order(ctx, p.plain, p.also())
	if err != nil {
		return err
	}
	for _, n := range order {
		if err := p.next(ctx, n, nil); err != nil {
			return err
		}
	}
	return p.rewriteNotes(ctx, p.result.noted)
}

// divide tells what refs of notes alone reach from what others do.
func (p *pass) divide() {
	var tips, notes []object.ID
	for _, r := range p.o.Refs {
		if isNotes(r) && p.isCommit(r.ID) {
			notes = append(notes, r.ID)
		} else {
			tips = append(tips, r.ID)
		}
	}
	p.plain, p.result.noted = p.graph.Reach(tips), p.graph.Reach(notes)
	p.result.noted.Remove(p.plain)
	p.reached = p.graph.Reach(append(tips, notes...))
}

func (p *pass) isCommit(id object.ID) bool {
	n, ok := p.graph.Find(id)
	return ok && p.graph.Type(n) == object.Commit
}

// next decides what becomes of an object. Everything it names was decided before. tree gives
// the new tree of a commit, nil for the one it has.
func (p *pass) next(ctx context.Context, n uint32, tree func(object.ID) object.ID) error {
	if p.done++; p.done&0xfff == 0 {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		p.o.Progress(p.done, p.total)
	}
	p.turn.Pass()
	p.looked.Add(n)
	if p.goneWith(n) || tree == nil && (p.reuse(n) || !p.mayChange(n)) {
		return nil
	}
	done, err := p.edit(n, tree)
	if err != nil {
		return p.named(n, err)
	}
	if !done.Changed {
		return nil
	}
	return p.changed(n, done)
}

// named says in an error for people which object it is about.
func (p *pass) named(n uint32, err error) error {
	e := *rehome.AsError(err)
	e.Message = fmt.Sprintf("%s It is the %s %s.", e.Message, p.graph.Type(n), p.graph.ID(n))
	return &e
}

// mayChange reports whether an object has to be looked at.
func (p *pass) mayChange(n uint32) bool {
	if p.known != nil || p.o.Plan.Trailers != nil || p.o.Plan.Hashes || p.graph.Odd(n) || p.isMapped(p.graph.Author(n)) || p.isMapped(p.graph.Committer(n)) || p.contentChanges(n) {
		return true
	}
	parents := p.graph.Parents(n)
	for i := range parents.Len() {
		if at := parents.At(i); at != history.None && p.result.changed.Has(at) {
			return true
		}
	}
	return false
}

func (p *pass) isMapped(identity uint32) bool { return identity != history.None && p.mapped[identity] }

func (p *pass) edit(n uint32, tree func(object.ID) object.ID) (Edited, error) {
	raw := p.graph.Bytes(n)
	if p.graph.Type(n) == object.Tag {
		return p.editor.Tag(raw, p.renamed)
	}
	if tree == nil {
		tree = p.newTree
	}
	return p.editor.commit(raw, tree, p.renamed)
}

// renamed returns the new id of an object, its old one when it did not change. While nothing
// is written no new id is known, and it is the zero id.
func (p *pass) renamed(id object.ID) object.ID {
	n, ok := p.graph.Find(id)
	switch {
	case p.known != nil && (!ok || !p.reached.Has(n)):
		return p.known.renamed(id)
	case !ok:
		return p.newTree(id)
	case !p.result.changed.Has(n):
		return id
	}
	return p.ids.at(n)
}

// abbreviated is renamed for the start of a commit's id.
func (p *pass) abbreviated(hex []byte) (object.ID, bool) {
	n, ok := p.graph.FindPrefix(hex, p.reached)
	if !ok || !p.result.changed.Has(n) {
		return object.ID{}, false
	}
	return p.ids.at(n), true
}

// count notes that an object becomes another.
func (p *pass) count(n uint32, signatureDropped bool) {
	p.result.changed.Add(n)
	if p.graph.Type(n) == object.Commit {
		p.result.CommitsChanged++
	} else {
		p.result.TagsChanged++
	}
	if signatureDropped {
		p.result.SignaturesDropped++
	}
}

// changed takes down an object that became another.
func (p *pass) changed(n uint32, e Edited) error {
	p.count(n, e.SignatureDropped)
	if p.sink == nil {
		return nil
	}
	id, err := p.hasher.Sum(p.graph.Type(n), e.Data)
	if err != nil {
		return err
	}
	if p.ids.set(n, id) {
		return nil // another object became the same
	}
	return p.sink.add(p.graph.Type(n), id, e.Data)
}

// also returns what an object's message names, so that it is decided before: nil when messages stay.
func (p *pass) also() func(uint32) []uint32 {
	if !p.o.Plan.Hashes {
		return nil
	}
	return func(n uint32) (named []uint32) {
		raw := p.graph.Bytes(n)
		forHashes(raw, messageStart(raw), len(raw), 2*p.graph.Format().Size(), func(start, end int) {
			if found, ok := p.graph.FindPrefix(raw[start:end], p.reached); ok {
				named = append(named, found)
			}
		})
		return named
	}
}

// isOld reports whether an object was gone through before.
func (p *pass) isOld(n uint32) bool { return p.known != nil && p.known.old.Has(n) }

// finish fills in what the caller wants to know.
func (p *pass) finish() {
	for n := range uint32(p.graph.Len()) {
		if p.looked.Has(n) && p.graph.Type(n) == object.Commit {
			p.result.Commits++
		}
	}
	for _, r := range p.o.Refs {
		ref := Ref{Name: r.Name, Source: r.ID, Final: p.renamed(r.ID), Removed: p.isGone(r.ID)}
		ref.Changed = ref.Final != ref.Source
		if n, ok := p.graph.Find(r.ID); ok && p.reached.Has(n) {
			ref.Changed = p.result.changed.Has(n)
		}
		p.result.Refs = append(p.result.Refs, ref)
	}
	p.o.Progress(p.total, p.total)
	p.result.content = p.content
	p.cover()
	if len(p.result.History()) > 0 {
		p.result.Replaced = append(p.result.Replaced, p.historyPacks...)
	}
}

// tellPacks tells packs of history from those of content.
func (p *pass) tellPacks() error {
	for name, one := range p.objects.Named() {
		isHistory, err := one.Only(object.Commit, object.Tag)
		if err != nil {
			return fmt.Errorf("look into %s: %w", name, err)
		}
		if isHistory {
			p.historyPacks = append(p.historyPacks, name)
		} else {
			p.contentPacks = append(p.contentPacks, name)
		}
	}
	return nil
}

func (p *pass) close() {
	if p.before != nil {
		p.before.objects.Close()
	}
}
