package content

import (
	"context"
	"fmt"
	"io"

	"github.com/klauspost/compress/zlib"

	"rehome/internal/git/deflate"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
)

// anew writes the trees that changed, and entries that are kept but whose base is not.
func (o *output) anew(ctx context.Context) error {
	writers := make([]*writer, o.Workers)
	for i := range writers {
		z, err := zlib.NewWriterLevel(nil, anewLevel)
		if err != nil {
			return err
		}
		writers[i] = &writer{output: o, encoder: deflate.NewEncoder(nil), z: z}
	}
	options := pack.WalkOptions{
		Types: []object.Type{object.Tree, object.Blob}, Workers: o.Workers, Held: heldBlob,
		Want: func(i int) bool { return o.first[i] != 0 || o.at[i] == 0 && o.isOrphan(i) },
	}
	return o.forest.Walk(ctx, options, func(one *pack.Object) error {
		w := writers[one.Worker]
		if err := w.object(ctx, one); err != nil {
			return fmt.Errorf("write %s %s: %w", one.Type, one.ID, err)
		}
		return nil
	})
}

// anewLevel is how hard blobs are deflated that were deltas of one that is gone.
const anewLevel = 6

// isOrphan reports whether an object is kept and what it is a delta of is not.
func (o *output) isOrphan(i int) bool {
	if !o.keeps(i) {
		return false
	}
	e, err := o.forest.Entry(i)
	return err == nil && e.Base >= 0 && !o.keeps(e.Base)
}

// writer is one worker's part of anew.
type writer struct {
	*output
	encoder *deflate.Encoder
	z       *zlib.Writer
	differ  pack.Differ
	made    lately // what was written last

	buf, base, delta, stream []byte
}

// lately is an object that the next can be made from, as both come of the same old ones.
type lately struct {
	root uint32 // what all of them are made from in the old pack
	n    uint32 // entry, plus one
	data []byte
}

// maxLately is the largest object that is remembered, bytes.
const maxLately = 16 << 20

// object writes what becomes of one object.
func (w *writer) object(ctx context.Context, o *pack.Object) error {
	i := int(o.Pos)
	if w.made.root != o.Root || w.made.n == 0 {
		w.made = lately{root: o.Root, data: w.made.data[:0]}
	}
	if w.at[i] == 0 && w.isOrphan(i) {
		if err := w.orphan(ctx, o); err != nil {
			return err
		}
	}
	for n := w.first[o.Pos]; n != 0; n = w.nodes[n-1].next {
		if w.newID(n - 1).IsZero() {
			continue
		}
		if err := w.node(o, n-1); err != nil {
			return err
		}
	}
	return nil
}

// orphan writes an object that lost what it was a delta of.
func (w *writer) orphan(ctx context.Context, o *pack.Object) error {
	if o.Type == object.Tree {
		_, err := w.tree(o, o.ID, o.Data, ^uint32(0))
		return err
	}
	if o.Size > maxLately {
		return w.streamed(ctx, o)
	}
	one := piece{size: len(o.Data)}
	data := o.Data
	if w.made.n != 0 && w.canCarry(w.made.n) {
		w.delta = w.differ.Append(w.delta[:0], w.made.data, o.Data)
		if len(w.delta) < len(o.Data)/2 {
			data, one = w.delta, piece{size: len(w.delta), base: w.made.n}
		}
	}
	var err error
	if w.stream, err = squeeze(w.z, w.stream[:0], data); err != nil {
		return err
	}
	one.stream = w.stream
	n, err := w.add(o.Type, o.ID, one, true)
	w.remember(n, o.Data)
	return err
}

// streamed writes a blob that is too large to be held twice.
func (w *writer) streamed(ctx context.Context, o *pack.Object) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, err := w.w.AddStream(o.Type, o.ID, o.Size, func(out io.Writer) error {
		if o.Data == nil {
			return w.forest.Stream(ctx, int(o.Pos), out)
		}
		_, err := out.Write(o.Data)
		return err
	})
	w.deep(n, 0)
	w.output.made[o.ID], w.at[o.Pos] = n+1, n+1
	return err
}

// node writes a tree that changed.
func (w *writer) node(o *pack.Object, n uint32) (err error) {
	if w.buf, err = w.build(w.buf[:0], o.Data, n); err != nil {
		return err
	}
	w.atNode[n], err = w.tree(o, w.newID(n), w.buf, w.nodes[n].state)
	return err
}

// tree writes a tree as a delta of what became of the old one's base, or of what was written last.
func (w *writer) tree(o *pack.Object, id object.ID, data []byte, state uint32) (uint32, error) {
	base, at, err := w.baseOf(o, state)
	if err != nil {
		return 0, err
	}
	one := piece{size: len(data)}
	w.stream = w.stream[:0]
	if at != 0 {
		w.delta = w.differ.Append(w.delta[:0], base, data)
	}
	if at != 0 && len(w.delta) < len(data)/2 {
		one = piece{size: len(w.delta), base: at}
		w.stream = w.encoder.Append(w.stream, w.delta)
	} else {
		w.stream = w.encoder.Append(w.stream, data)
	}
	one.stream = w.stream
	n, err := w.add(object.Tree, id, one, o.ID == id)
	w.remember(n, data)
	return n, err
}

// baseOf returns what a tree is best made a delta of, with its entry, plus one; 0 for nothing.
func (w *writer) baseOf(o *pack.Object, state uint32) (data []byte, at uint32, err error) {
	if o.Base != nil && o.Base.Data != nil {
		e, err := w.forest.Entry(int(o.Pos))
		if err != nil {
			return nil, 0, err
		}
		if n := w.at[e.Base]; w.canCarry(n) {
			return o.Base.Data, n, nil
		}
		if n, ok := w.nodeLike(uint32(e.Base), state); ok && w.canCarry(w.atNode[n]) {
			if w.made.n == w.atNode[n] {
				return w.made.data, w.made.n, nil
			}
			w.base, err = w.build(w.base[:0], o.Base.Data, n)
			return w.base, w.atNode[n], err
		}
	}
	if w.canCarry(w.made.n) {
		return w.made.data, w.made.n, nil
	}
	return nil, 0, nil
}

// nodeLike returns a node of a tree that was written, of the given state where there is one.
func (w *writer) nodeLike(tree, state uint32) (like uint32, ok bool) {
	for n := w.first[tree]; n != 0; n = w.nodes[n-1].next {
		if w.atNode[n-1] == 0 {
			continue
		}
		if like, ok = n-1, true; w.nodes[like].state == state {
			break
		}
	}
	return like, ok
}

// canCarry reports whether another delta can be put on an entry, given plus one.
func (w *writer) canCarry(n uint32) bool {
	if n == 0 || n == toCome {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.depth[n-1] <= deepest
}

// remember keeps an object for the next.
func (w *writer) remember(n uint32, data []byte) {
	if len(data) > maxLately || n == toCome {
		return
	}
	w.made.n = n
	w.made.data = append(w.made.data[:0], data...)
}
