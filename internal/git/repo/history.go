package repo

import (
	"context"
	"errors"
	"fmt"

	"rehome/internal/git/history"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
)

// History reads the commits and tags that tips reach, and others that lie in the same packs.
// Close the graph before the objects. What grows with the history lies in scratch memory.
//
// A raw repository has all of its history in one pack, and what was added to it later in one more each time. So the packs of the tips are read first,
// and the others, with the loose objects, only when a parent is not in those.
func (o *Objects) History(ctx context.Context, tips []object.ID, scratch pack.Scratch, workers int) (*history.Graph, error) {
	from := history.Source{Format: o.repo.format, Scratch: scratch, Workers: workers}
	err := pack.Guard(func() (err error) {
		from.Packs, err = o.packsOf(tips)
		return err
	})
	if err != nil {
		return nil, err
	}
	if from.Packs != nil {
		g, err := history.Read(ctx, from)
		if err != nil || g.Complete() {
			return g, err
		}
		g.Close()
	}
	from.Packs = o.packs
	if from.Loose, err = o.looseHistory(); err != nil {
		return nil, err
	}
	return history.Read(ctx, from)
}

// packsOf returns the packs that have the commits and tags among ids, nil when one is in none.
func (o *Objects) packsOf(ids []object.ID) ([]*pack.Pack, error) {
	packs := []*pack.Pack{}
	has := map[*pack.Pack]bool{}
	for _, id := range ids {
		p, i := o.find(id)
		if p == nil {
			return nil, nil
		}
		t, err := p.Type(i)
		if err != nil {
			return nil, fmt.Errorf("read object %s: %w", id, err)
		}
		if history := t == object.Commit || t == object.Tag; history && !has[p] {
			has[p] = true
			packs = append(packs, p)
		}
	}
	return packs, nil
}

// find returns the first pack that has the object and its number there; nil when none has it.
func (o *Objects) find(id object.ID) (*pack.Pack, int) {
	for _, p := range o.packs {
		if i, ok := p.Index.Find(id); ok {
			return p, i
		}
	}
	return nil, 0
}

func (o *Objects) looseHistory() (all []history.Loose, err error) {
	for id, err := range o.Loose() {
		if err != nil {
			return nil, fmt.Errorf("list loose objects: %w", err)
		}
		kind, data, err := o.Read(id)
		if errors.Is(err, ErrNoObject) {
			continue // git packed it meanwhile
		}
		if err != nil {
			return nil, err
		}
		all = append(all, history.Loose{ID: id, Type: kind, Data: data})
	}
	return all, nil
}
