package survey

import (
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
)

// fromBase looks only at the entries of a tree that its delta did not copy whole from the tree it
// was made of. Entries that were copied are right by themselves, and what they name was taken down. Left to
// check are the places where entries meet that were no neighbours in the base, and the
// twins of new entries. It reports false where it cannot do that; every entry has to be looked at then.
func (t *treeWalk) fromBase(o *pack.Object) bool {
	if o.Base == nil || o.Delta == nil || len(o.Base.Marks) < 2 || o.Base.Marks[0] != markClean {
		return false
	}
	base := o.Base.Marks[1:] // with the length of the base last
	ops, ok := readOps(o.Delta, len(o.Base.Data), len(t.data))
	if !ok {
		return false
	}
	t.quick = true
	t.worker.files = t.worker.files[:0]
	last := -1 // the entry of the base that would go on from what stands before at
	for at := 0; at < len(t.data); {
		for ops.end <= at {
			if !ops.next() {
				return false
			}
		}
		from, to := ops.entries(base, at)
		if from == to {
			n := t.entry(at)
			if n == 0 {
				return true
			}
			at, last = at+n, -1
			continue
		}
		if from != last && !t.seam(at) {
			return true
		}
		at, last = t.skip(at, base[from:to+1]), to
	}
	t.twins()
	return true
}

// seam compares the copied entry that starts at at with the one before it, which is not
// the one it follows in the base. It reports false when the tree is dangerous.
func (t *treeWalk) seam(at int) bool {
	e, _, err := object.ReadEntry(t.format, t.data[at:])
	if err != nil {
		t.fault(object.BadTree, t.prev.Name)
		return false
	}
	if f := t.order(&e); f != object.NoFault {
		t.fault(f, e.Name)
		return false
	}
	return true
}

// skip passes entries copied from the base, which start there where run says, but for its last
// word: that is their end. It returns where they end here.
func (t *treeWalk) skip(at int, run []uint32) int {
	shift := uint32(at) - run[0]
	starts := run[:len(run)-1]
	have := len(t.marks)
	t.marks = append(t.marks, starts...)
	if shift != 0 {
		for i := range t.marks[have:] {
			t.marks[have+i] += shift
		}
	}
	t.prev, _, _ = object.ReadEntry(t.format, t.data[starts[len(starts)-1]+shift:])
	t.prevNew = false
	return int(run[len(run)-1] + shift)
}

// twins looks for folders of the same name as the new files that names going on below the slash follow.
func (t *treeWalk) twins() {
	for _, i := range t.worker.files {
		e, _, err := object.ReadEntry(t.format, t.data[t.marks[i]:])
		if err == nil && t.has(e.Name, object.ModeTree) {
			t.fault(object.DuplicateEntries, e.Name)
			return
		}
	}
}

// ops are the instructions of a delta (gitformat-pack), one at a time: the one at hand
// makes result[start:end], by copying from base[from:] or with bytes of its own.
type ops struct {
	delta      []byte
	start, end int
	size       int // of the result
	copies     bool
	from       int
}

// readOps starts on a delta for a base and a result of known sizes.
func readOps(delta []byte, base, result int) (ops, bool) {
	from, to, n, err := pack.DeltaSizes(delta)
	if err != nil || from != int64(base) || to != int64(result) {
		return ops{}, false
	}
	return ops{delta: delta[n:], size: result}, true
}

// next goes on to the next instruction; false when there is none or it makes no sense.
func (p *ops) next() bool {
	in, n := pack.NextInstruction(p.delta)
	if n < 0 {
		return false
	}
	p.delta = p.delta[n:]
	p.copies, p.from = in.Copy, in.Offset
	p.start, p.end = p.end, p.end+in.Size
	return p.end <= p.size
}

// entries returns which entries of the base, the first and the one after the last, the instruction at
// hand copies whole from at on. They are equal when there are none, or when at is no start of an entry there.
func (p *ops) entries(base []uint32, at int) (first, end int) {
	if !p.copies {
		return 0, 0
	}
	want := uint32(p.from + at - p.start)
	first = searchMarks(base, want)
	if first >= len(base)-1 || base[first] != want {
		return 0, 0
	}
	limit := uint32(p.from + p.end - p.start)
	end = first + searchMarks(base[first:], limit+1) - 1
	return first, end
}

// searchMarks returns the first place in the ascending marks that is not below want.
func searchMarks(marks []uint32, want uint32) int {
	low, high := 0, len(marks)
	for low < high {
		mid := int(uint(low+high) / 2)
		if marks[mid] < want {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}
