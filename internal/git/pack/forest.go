package pack

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"rehome/internal/compute"
	"rehome/internal/git/inflate"
	"rehome/internal/git/object"
)

// heldPath bounds what the walkers together keep of the paths they stand on, bytes. Past it,
// objects near the root of a path are let go and made again when they are needed.
const heldPath = 64 << 20

// forest is the entries of a pack as a forest: deltas hang from what they are made from. It
// is walked base first; walkers take whole trees of it, so that they share nothing but the
// table, and each object is made by one of them.
type forest struct {
	table    *table // linked
	pack     []byte
	need     []uint64 // a bit for each position that something is wanted at, or above; nil is all
	streamed int64    // whole blobs of more bytes that nothing needed is made from come without them; 0 is none
	workers  int
	scratch  Scratch
	heldPath int64 // bytes; see heldPath

	look    func(w *walker, o *Object) error              // called for each object when it is made
	skip    func(t object.Type) bool                      // leaves out the trees of that type
	passed  func(t object.Type) bool                      // whole entries of that type are not looked at
	measure func(pos uint32, delta []byte) (int64, error) // gives the size of what a delta makes
	spend   func(bytes int64) error

	root atomic.Uint32 // the next position to look for a root at
	made atomic.Int64
	stop atomic.Bool
}

// run walks the forest with all walkers and returns their first error.
func (f *forest) run(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { f.stop.Store(true) })()
	errs := make([]error, f.workers)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			turn := compute.Take()
			defer turn.Give()
			w := &walker{forest: f, number: i, turn: turn, hasher: object.NewHasher(f.table.format)}
			w.buffers.scratch = f.scratch
			if errs[i] = Guard(w.walk); errs[i] != nil {
				f.stop.Store(true)
			}
			w.buffers.close()
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for _, err := range errs {
		if err != nil && !errors.Is(err, errStopped) {
			return err
		}
	}
	return nil
}

// errStopped is what a walker returns that another's error, or the context, has stopped.
var errStopped = errors.New("stopped")

// walker walks trees of the forest, one after the other, depth first.
type walker struct {
	*forest
	number  int
	turn    *compute.Turn
	hasher  *object.Hasher
	inflate inflate.Decoder
	buffers buffers
	object  Object // being made
	path    []step // from the root to the object whose children are being made
	held    int64  // bytes that the steps of the path take
	reports int64
}

// step is an object on the path, with the next of its children to make.
type step struct {
	Object
	child uint32
}

// batch is how many positions a walker looks at before it asks for more.
const batch = 64

// walk takes batches of positions until there are none and walks the roots among them.
func (w *walker) walk() error {
	for {
		from := w.root.Add(batch) - batch
		if from >= w.table.n {
			return nil
		}
		w.turn.Pass()
		for pos := from; pos < min(from+batch, w.table.n); pos++ {
			kind := w.table.kind[pos]
			switch {
			case w.table.base[pos] != none, w.skip(kind), !w.needed(pos):
				continue
			case w.table.child[pos] == none && w.passed(kind):
				continue // nothing left to do
			}
			if err := w.tree(pos); err != nil {
				return err
			}
		}
	}
}

// tree makes everything that leans on the whole entry at root.
func (w *walker) tree(root uint32) error {
	if err := w.begin(root); err != nil {
		return err
	}
	for len(w.path) > 0 {
		if w.stop.Load() {
			return errStopped
		}
		w.turn.Pass()
		top := &w.path[len(w.path)-1]
		if top.child == none {
			w.pop()
			continue
		}
		child := top.child
		top.child = w.neededFrom(w.table.next[child])
		if err := w.make(child); err != nil {
			return fmt.Errorf("object at position %d: %w", child, err)
		}
	}
	return nil
}

// needed reports whether the object at pos has to be made.
func (f *forest) needed(pos uint32) bool { return f.need == nil || f.need[pos>>6]&(1<<(pos&63)) != 0 }

// neededFrom returns the first object that has to be made among pos and the next from the same base.
func (f *forest) neededFrom(pos uint32) uint32 {
	for pos != none && !f.needed(pos) {
		pos = f.table.next[pos]
	}
	return pos
}

// begin puts the whole entry at root on the path.
func (w *walker) begin(root uint32) error {
	kind := w.table.kind[root]
	if size := int64(w.table.size[root]); kind == object.Blob && w.streamed > 0 && size > w.streamed && w.neededFrom(w.table.child[root]) == none {
		w.object = Object{Type: kind, Size: size, Pos: root, Root: root, Worker: w.number}
		return w.look(w, &w.object)
	}
	data, err := w.inflated(root)
	if err != nil {
		return err
	}
	o := &w.object
	*o = Object{Type: kind, Size: int64(len(data)), Data: data, Pos: root, Root: root, Worker: w.number, Marks: w.buffers.marks()}
	if !w.passed(o.Type) {
		if err := w.look(w, o); err != nil {
			return err
		}
	}
	w.push(o)
	return nil
}

// make makes the object at pos out of the one on top of the path, and puts it there
// when others are made from it.
func (w *walker) make(pos uint32) error {
	if err := w.restore(len(w.path) - 1); err != nil {
		return err
	}
	base := &w.path[len(w.path)-1]
	delta, err := w.inflated(pos)
	if err != nil {
		return err
	}
	size, err := w.measure(pos, delta)
	if err != nil {
		return err
	}
	data, err := w.buffers.get(size)
	if err != nil {
		return err
	}
	if err := applyDelta(data, base.Data, delta); err != nil {
		return err
	}
	o := &w.object
	*o = Object{Type: base.Type, Size: int64(len(data)), Data: data, Delta: delta, Base: &base.Object, Pos: pos, Root: base.Root, Worker: w.number, Marks: w.buffers.marks()}
	if err := w.look(w, o); err != nil {
		return err
	}
	w.buffers.put(delta)
	if base.child == none {
		w.pop() // nothing else is made from it
	}
	o.Base, o.Delta = nil, nil
	w.push(o)
	return nil
}

// push puts o on the path, or lets it go when nothing is made from it.
func (w *walker) push(o *Object) {
	first := w.neededFrom(w.table.child[o.Pos])
	if first == none {
		w.buffers.put(o.Data)
		w.buffers.putMarks(o.Marks)
		return
	}
	w.path = append(w.path, step{*o, first})
	w.held += o.weight()
	for i := 0; w.held > w.heldPath && i < len(w.path)-1; i++ {
		w.letGo(&w.path[i])
	}
}

// pop takes the top off the path.
func (w *walker) pop() {
	top := &w.path[len(w.path)-1]
	w.letGo(top)
	*top = step{}
	w.path = w.path[:len(w.path)-1]
}

// weight is the memory that an object on the path takes, bytes.
func (o *Object) weight() int64 { return int64(cap(o.Data) + 4*cap(o.Marks)) }

// letGo gives an object's bytes and marks back; restore makes the bytes again.
func (w *walker) letGo(s *step) {
	w.held -= s.weight()
	w.buffers.put(s.Data)
	w.buffers.putMarks(s.Marks)
	s.Data, s.Marks = nil, nil
}

// restore makes the bytes of the object at depth i of the path again when they were let go.
func (w *walker) restore(i int) error {
	s := &w.path[i]
	if s.Data != nil || s.Size == 0 {
		return nil
	}
	data, err := w.remake(s.Pos)
	if err != nil {
		return err
	}
	s.Data = data
	w.held += s.weight()
	return nil
}

// remake makes the object at pos from the root of its chain on, holding two of the
// chain at a time.
func (w *walker) remake(pos uint32) ([]byte, error) {
	var chain []uint32
	for ; w.table.base[pos] != none; pos = w.table.base[pos] {
		chain = append(chain, pos)
	}
	data, err := w.inflated(pos)
	for i := len(chain) - 1; i >= 0 && err == nil; i-- {
		data, err = w.step(chain[i], data)
	}
	return data, err
}

// step makes the object at pos again out of base, which it gives back.
func (w *walker) step(pos uint32, base []byte) ([]byte, error) {
	if w.stop.Load() {
		return nil, errStopped
	}
	size := int64(w.table.size[pos])
	if err := w.spend(size / remakeFee); err != nil {
		return nil, err
	}
	delta, err := w.inflated(pos)
	if err != nil {
		return nil, err
	}
	data, err := w.buffers.get(size)
	if err != nil {
		return nil, err
	}
	err = applyDelta(data, base, delta)
	w.buffers.put(base)
	w.buffers.put(delta)
	return data, err
}

// entry returns the raw entry at pos.
func (w *walker) entry(pos uint32) []byte {
	return w.pack[w.table.offset[pos]:w.table.offset[pos+1]]
}

// inflated returns what the entry at pos holds, in a buffer of its own.
func (w *walker) inflated(pos uint32) ([]byte, error) {
	h, body, err := splitEntry(w.entry(pos), w.table.format)
	if err != nil {
		return nil, err
	}
	data, err := w.buffers.get(h.size)
	if err != nil {
		return nil, err
	}
	return data, inflateInto(&w.inflate, data, body)
}
