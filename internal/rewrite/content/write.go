package content

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/klauspost/compress/zlib"

	"rehome/internal/compute"
	"rehome/internal/git/deflate"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/lfs"
)

// write writes the new pack.
func (p *pass) write(ctx context.Context) (err error) {
	if err := p.findStays(ctx); err != nil {
		return err
	}
	p.result.Replaced = p.name
	p.result.Pack, err = p.Into.WritePack(ctx, func(file, index pack.File, scratch pack.Scratch) (pack.Written, error) {
		most := int64(p.forest.Len() + len(p.nodes) + len(p.converted) + len(p.rules.list))
		w, err := pack.NewWriter(file, pack.WriterOptions{Format: p.Format, Objects: most, Scratch: scratch})
		if err != nil {
			return pack.Written{}, err
		}
		defer w.Close()
		out := &output{pass: p, w: w, made: map[object.ID]uint32{}}
		for _, step := range []func(context.Context) error{out.copy, out.small, out.anew, out.copy, out.isWhole} {
			if err := step(ctx); err != nil {
				return pack.Written{}, err
			}
		}
		return w.Finish(ctx, index)
	})
	return err
}

// output is the new pack.
type output struct {
	*pass
	at     []uint32 // of each old object: its entry in the new pack, plus one
	atNode []uint32 // the same of each node

	mu    sync.Mutex
	w     *pack.Writer
	made  map[object.ID]uint32 // entries of new objects, plus one
	depth []uint8              // of each entry: how many entries it takes to make it, itself included; at most 255
}

// deepest is how many deltas are put on a whole entry; git-pack-objects has the same (--depth).
const deepest = 50

// copy copies the entries that are kept and whose base is there, as they lie.
func (o *output) copy(ctx context.Context) (err error) {
	if o.at == nil {
		if o.at, err = o.take32(o.forest.Len()); err != nil {
			return err
		}
		if o.atNode, err = o.take32(len(o.nodes)); err != nil {
			return err
		}
	}
	turn := compute.Take()
	defer turn.Give()
	var next []int
	for pos := range uint32(o.forest.Len()) {
		turn.Pass()
		if pos&0xffff == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		for next = append(next[:0], o.forest.At(pos)); len(next) > 0; {
			i := next[len(next)-1]
			next = next[:len(next)-1]
			copied, err := o.copyOne(i)
			if err != nil {
				return err
			}
			if copied {
				next = slices.AppendSeq(next, o.forest.Late(i)) // they were passed over
			}
		}
	}
	return nil
}

// copyOne copies one entry that is kept, unless it was or its base is not there yet.
func (o *output) copyOne(i int) (copied bool, err error) {
	if o.at[i] != 0 || !o.keeps(i) {
		return false, nil
	}
	e, err := o.forest.Entry(i)
	if err != nil {
		return false, err
	}
	kind, id := o.forest.Type(i), o.pack.Index.ID(i)
	var n uint32
	switch {
	case e.Base < 0:
		n, err = o.w.Add(kind, id, e.Stored, e.Stream)
		o.deep(n, 0)
	case o.at[e.Base] != 0:
		base := o.at[e.Base] - 1
		n, err = o.w.AddDelta(kind, id, base, e.Stored, e.Stream)
		o.deep(n, o.depth[base])
	default:
		return false, nil
	}
	o.at[i] = n + 1
	return true, err
}

// deep notes how long the chain of an entry is that lies on one of the given length, 0 for a whole entry.
func (o *output) deep(n uint32, on uint8) {
	for int(n) >= len(o.depth) {
		o.depth = append(o.depth, 0)
	}
	o.depth[n] = on + min(1, 255-on)
}

// small writes what is new and no tree: pointers, and .gitattributes as deltas of those before them.
func (o *output) small(context.Context) error {
	blobs := make([]uint32, 0, len(o.converted))
	for i := range o.converted {
		blobs = append(blobs, i)
	}
	slices.Sort(blobs)
	e := deflate.NewEncoder(nil)
	var text, stream []byte
	for _, i := range blobs {
		c := o.converted[i]
		text = lfs.AppendPointer(text[:0], c.object)
		stream = e.Append(stream[:0], text)
		if _, err := o.add(object.Blob, c.pointer, piece{size: len(text), stream: stream}, false); err != nil {
			return err
		}
	}
	return o.attributes()
}

// attributes writes the .gitattributes that were made.
func (o *output) attributes() error {
	at := make([]uint32, len(o.rules.list))
	for i, f := range o.rules.list[1:] {
		n, err := o.add(object.Blob, f.id, piece{size: f.size, stream: f.stream, base: at[f.base]}, false)
		if err != nil {
			return err
		}
		at[i+1] = n
	}
	return nil
}

// squeeze appends the zlib stream of data.
func squeeze(z *zlib.Writer, dst, data []byte) ([]byte, error) {
	out := bytes.NewBuffer(dst)
	z.Reset(out)
	_, err := z.Write(data)
	if err == nil {
		err = z.Close()
	}
	return out.Bytes(), err
}

// piece is an entry to be: the zlib stream of size bytes, an object or, on a base, a delta.
type piece struct {
	size   int
	stream []byte
	base   uint32 // entry it is a delta of, plus one; 0 for none
}

// add writes an object, unless it is there; old says that it is one that is kept and could not be copied.
// It returns its entry, plus one.
func (o *output) add(kind object.Type, id object.ID, one piece, old bool) (uint32, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if n := o.has(id); n != 0 && !old {
		return n, nil
	}
	var n uint32
	var err error
	if one.base == 0 {
		n, err = o.w.Add(kind, id, int64(one.size), one.stream)
		o.deep(n, 0)
	} else {
		n, err = o.w.AddDelta(kind, id, one.base-1, int64(one.size), one.stream)
		o.deep(n, o.depth[one.base-1])
	}
	o.made[id] = n + 1
	if i, ok := o.pack.Index.Find(id); old && ok {
		o.at[i] = n + 1
	}
	return n + 1, err
}

// has returns the entry of an object that was written or will be copied, plus one; 0 for none. One that is
// still to be copied is there for ever, so that its entry does not matter.
func (o *output) has(id object.ID) uint32 {
	if n := o.made[id]; n != 0 {
		return n
	}
	if i, ok := o.pack.Index.Find(id); ok && o.keeps(i) {
		if o.at[i] != 0 {
			return o.at[i]
		}
		return toCome
	}
	return 0
}

// toCome stands for an entry that is not written yet.
const toCome = ^uint32(0)

// isWhole checks that everything that is kept was written.
func (o *output) isWhole(context.Context) error {
	for i := range o.forest.Len() {
		if o.at[i] == 0 && o.keeps(i) {
			return fmt.Errorf("%s was not written", o.pack.Index.ID(i))
		}
	}
	return nil
}
