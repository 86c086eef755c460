package rewrite

import (
	"context"
	"fmt"
	"slices"

	"rehome/internal/compute"
	"rehome/internal/git/deflate"
	"rehome/internal/git/history"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/git/repo"
)

// again is the use a pass makes of an earlier rewrite.
type again struct {
	*Before
	objects *repo.Objects
	packs   []*pack.Pack
	other   []bool      // by number of identity: it becomes another than before
	differs history.Set // objects that came out otherwise than before, or are new
	reused  []reused
}

// reused is an object whose new entry is in one of the earlier packs, at that place by id.
type reused struct {
	n           uint32
	pack, entry int
}

// useBefore begins to use the earlier rewrite, if there is one that can be used.
func (p *pass) useBefore() error {
	b := p.o.Before
	if b == nil || len(b.packs) == 0 || p.o.Plan.Trailers != nil || p.o.Plan.Hashes || b.repo.Format() != p.graph.Format() || b.key() != p.result.key {
		return nil
	}
	objects, err := b.repo.Objects()
	if err != nil {
		return err
	}
	a := &again{Before: b, objects: objects, other: make([]bool, len(p.graph.Identities())), differs: p.graph.NewSet()}
	for _, name := range b.packs {
		a.packs = append(a.packs, objects.Pack(name))
	}
	if slices.Contains(a.packs, nil) {
		objects.Close()
		return nil
	}
	for i, who := range p.graph.Identities() {
		was, wasMapped := b.authors[who]
		is, isMapped := p.o.Plan.Authors[who]
		a.other[i] = wasMapped != isMapped || was != is
	}
	p.before = a
	return nil
}

// reuse takes over what became of an object before, if nothing it depends on differs. It
// reports whether that says it all.
func (p *pass) reuse(n uint32) bool {
	a := p.before
	if a == nil {
		return false
	}
	id := a.pairs.find(p.graph.IDBytes(n))
	switch {
	case a.dependsOnOther(p.graph, n), id == nil && p.mayChange(n):
		a.differs.Add(n)
		return false
	case id == nil:
		return true
	}
	now := object.FromBytes(p.graph.Format(), id)
	at, ok := a.where(n, now)
	if !ok {
		a.differs.Add(n)
		return false
	}
	p.count(n, p.graph.Signed(n))
	if !p.ids.set(n, now) {
		a.reused = append(a.reused, at)
	}
	return true
}

// where finds the entry of what n became.
func (a *again) where(n uint32, now object.ID) (reused, bool) {
	for i, one := range a.packs {
		if entry, ok := one.Index.Find(now); ok {
			return reused{n, i, entry}, true
		}
	}
	return reused{}, false
}

func (a *again) dependsOnOther(g *history.Graph, n uint32) bool {
	isOther := func(identity uint32) bool { return identity != history.None && a.other[identity] }
	if g.Odd(n) || isOther(g.Author(n)) || isOther(g.Committer(n)) {
		return true
	}
	parents := g.Parents(n)
	for i := range parents.Len() {
		if at := parents.At(i); at != history.None && a.differs.Has(at) {
			return true
		}
	}
	return false
}

// copyReused copies the entries that were made before.
func (p *pass) copyReused(ctx context.Context, w *pack.Writer, scratch pack.Scratch) error {
	if p.before == nil || len(p.before.reused) == 0 {
		return nil
	}
	forests, err := p.before.forests(ctx, scratch)
	if err != nil {
		return err
	}
	defer closeForests(forests)
	turn := compute.Take()
	defer turn.Give()
	e := deflate.NewEncoder(p.sink.table)
	var stream []byte
	for i, r := range p.before.reused {
		turn.Pass()
		if i&0xffff == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		id, kind := p.ids.at(r.n), p.graph.Type(r.n)
		entry, err := forests[r.pack].Entry(r.entry)
		if err == nil && entry.Base >= 0 {
			var data []byte
			_, data, err = p.before.objects.Read(id)
			stream = e.Append(stream[:0], data)
			entry.Stored, entry.Stream = int64(len(data)), stream
		}
		if err == nil {
			_, err = w.Add(kind, id, entry.Stored, entry.Stream)
		}
		if err != nil {
			return fmt.Errorf("copy from the rewrite before: %w", err)
		}
	}
	return nil
}

// forests returns how the entries of the packs lie. Close them.
func (a *again) forests(ctx context.Context, scratch pack.Scratch) (all []*pack.Forest, err error) {
	for _, one := range a.packs {
		f, err := one.Forest(ctx, scratch)
		if err != nil {
			closeForests(all)
			return nil, err
		}
		all = append(all, f)
	}
	return all, nil
}

func closeForests(all []*pack.Forest) {
	for _, f := range all {
		f.Close()
	}
}
