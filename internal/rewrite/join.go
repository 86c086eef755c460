package rewrite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"rehome/internal/git/deflate"
	"rehome/internal/git/pack"
	"rehome/internal/git/repo"
)

// joined makes a repository with the trees and blobs of several packs in one, for as long as it is not removed.
func (p *pass) joined(ctx context.Context) (r *repo.Repo, remove func() error, err error) {
	dir, err := os.MkdirTemp(p.o.scratch(), "joined-*")
	if err != nil {
		return nil, nil, fmt.Errorf("join packs: %w", err)
	}
	remove = func() error { return os.RemoveAll(dir) }
	r, err = repo.Init(filepath.Join(dir, "content.git"), p.graph.Format())
	if err == nil {
		_, err = r.WritePack(ctx, func(file, index pack.File, scratch pack.Scratch) (pack.Written, error) {
			return p.join(ctx, file, index, scratch)
		})
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("join packs: %w", err), remove())
	}
	return r, remove, nil
}

func (p *pass) join(ctx context.Context, file, index pack.File, scratch pack.Scratch) (written pack.Written, err error) {
	var packs []*pack.Pack
	most := 0
	for _, name := range p.contentPacks {
		one := p.objects.Pack(name)
		packs, most = append(packs, one), most+one.Index.Len()
	}
	w, err := pack.NewWriter(file, pack.WriterOptions{Format: p.graph.Format(), Objects: int64(most), Scratch: scratch})
	if err != nil {
		return written, err
	}
	defer w.Close()
	j := &joiner{pass: p, w: w, packs: packs}
	err = pack.Guard(func() (err error) {
		for range packs {
			if err := j.next(ctx, scratch); err != nil {
				return err
			}
		}
		written, err = w.Finish(ctx, index)
		return err
	})
	return written, err
}

// joiner copies packs into one.
type joiner struct {
	*pass
	w     *pack.Writer
	packs []*pack.Pack
	at    [][]uint32 // of the packs so far, by place in the order of ids: the number in the new pack, plus one
}

// next copies the entries of the next pack that none so far has.
func (j *joiner) next(ctx context.Context, scratch pack.Scratch) error {
	forest, err := j.packs[len(j.at)].Forest(ctx, scratch)
	if err != nil {
		return err
	}
	defer forest.Close()
	at := make([]uint32, forest.Len())
	for pos := range uint32(forest.Len()) {
		if pos&0xffff == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		i := forest.At(pos)
		if at[i] = j.find(i); at[i] != 0 {
			continue
		}
		number, err := j.copy(forest, i, at)
		if err != nil {
			return err
		}
		at[i] = number + 1
	}
	j.at = append(j.at, at)
	return nil
}

// find returns where an object of the next pack is already, 0 for nowhere.
func (j *joiner) find(i int) uint32 {
	id := j.packs[len(j.at)].Index.ID(i)
	for k, at := range j.at {
		if other, ok := j.packs[k].Index.Find(id); ok {
			return at[other]
		}
	}
	return 0
}

// copy copies an entry as it is where what it is made from is there, and makes it anew elsewhere.
func (j *joiner) copy(forest *pack.Forest, i int, at []uint32) (number uint32, err error) {
	id, kind := j.packs[len(j.at)].Index.ID(i), forest.Type(i)
	entry, err := forest.Entry(i)
	switch {
	case err != nil:
		return 0, err
	case entry.Base < 0:
		return j.w.Add(kind, id, entry.Stored, entry.Stream)
	case at[entry.Base] != 0:
		return j.w.AddDelta(kind, id, at[entry.Base]-1, entry.Stored, entry.Stream)
	}
	_, data, err := j.objects.Read(id)
	if err != nil {
		return 0, err
	}
	return j.w.Add(kind, id, int64(len(data)), deflate.NewEncoder(nil).Append(nil, data))
}
