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
	if !p.converts() {
		return nil
	}
	var total int64
	for i := range p.chosen.each {
		total += p.sizes[i]
	}
	keeping := keeper{pass: p, total: total, room: make(chan struct{}, keepers)}
	o := pack.WalkOptions{Types: []object.Type{object.Blob}, Workers: p.Workers, Held: heldBlob, Want: func(i int) bool { return p.chosen.has(uint32(i)) }}
	err := p.forest.Walk(ctx, o, func(o *pack.Object) error { return keeping.take(ctx, o) })
	keeping.wg.Wait()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return err
	}
	return keeping.err
}

// keepers is how many objects wait for the disk at once, which gets through many as quickly as through one
// (bucket.Folder). Each has a file open, and no more.
const keepers = 128

// keeper brings blobs into the store.
type keeper struct {
	*pass
	total int64
	room  chan struct{}
	wg    sync.WaitGroup

	mu   sync.Mutex
	done int64 // bytes
	err  error // the first
}

// take streams one blob to the store's disk, and leaves it to another to see that it is kept.
func (k *keeper) take(ctx context.Context, o *pack.Object) error {
	select {
	case k.room <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	w, err := k.Store.Create()
	if err == nil && o.Data == nil && o.Size > 0 {
		err = k.forest.Stream(ctx, int(o.Pos), w)
	} else if err == nil {
		_, err = w.Write(o.Data)
	}
	if err != nil {
		if w != nil {
			err = errors.Join(err, w.Close())
		}
		<-k.room
		return err
	}
	blob, size := o.Pos, o.Size
	k.wg.Go(func() {
		c, err := k.keep(ctx, w)
		<-k.room
		k.mu.Lock()
		defer k.mu.Unlock()
		k.converted[blob] = c
		k.done += size
		k.Converting(k.done, k.total)
		if k.err == nil {
			k.err = err
		}
	})
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.err
}

// keep puts what was written into the store and makes its pointer.
func (k *keeper) keep(ctx context.Context, w *lfs.Writer) (c converted, err error) {
	defer func() { err = errors.Join(err, w.Close()) }()
	if c.object, err = w.Keep(ctx); err != nil {
		return c, err
	}
	c.pointer, err = object.NewHasher(k.Format).Sum(object.Blob, lfs.AppendPointer(nil, c.object))
	return c, err
}
