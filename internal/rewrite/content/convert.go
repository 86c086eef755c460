package content

import (
	"context"
	"errors"
	"sync"

	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/lfs"
)

// converted is a blob that became a Git LFS object.
type converted struct {
	object  lfs.Object
	pointer object.ID
}

// heldBlob is the size over which a blob is inflated piece by piece, bytes.
const heldBlob = 64 << 20

// convert makes Git LFS objects of the chosen blobs.
func (p *pass) convert(ctx context.Context) error {
	p.converted = map[uint32]converted{}
	if p.removes() {
		return nil
	}
	var done, total int64
	for i := range p.chosen.each {
		total += p.sizes[i]
	}
	var mu sync.Mutex
	o := pack.WalkOptions{Types: []object.Type{object.Blob}, Workers: p.Workers, Held: heldBlob, Want: func(i int) bool { return p.chosen.has(uint32(i)) }}
	return p.forest.Walk(ctx, o, func(o *pack.Object) error {
		c, err := p.convertOne(ctx, o)
		mu.Lock()
		defer mu.Unlock()
		p.converted[o.Pos] = c
		done += o.Size
		p.Converting(done, total)
		return err
	})
}

// convertOne streams one blob into the store.
func (p *pass) convertOne(ctx context.Context, o *pack.Object) (c converted, err error) {
	w, err := p.Store.Create()
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	if o.Data == nil && o.Size > 0 {
		err = p.forest.Stream(ctx, int(o.Pos), w)
	} else {
		_, err = w.Write(o.Data)
	}
	if err == nil {
		c.object, err = w.Keep(ctx)
	}
	if err != nil {
		return c, err
	}
	c.pointer, err = object.NewHasher(p.Format).Sum(object.Blob, lfs.AppendPointer(nil, c.object))
	return c, err
}
