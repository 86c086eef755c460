package split

import (
	"bytes"
	"context"
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"

	"rehome/internal/compute"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
)

// brought says which place in the order brings each object first. Objects are numbered through all packs; one that lies in
// several packs is that of the first.
//
//	what the order names, and the trees of its commits, have the place where they are named
//	as long as there are trees whose place is new: go through those, and what one has in it has no later place
//
// So a tree is read about once for each depth at which it stands, base first, whichever the order of history is.
type brought struct {
	format  object.Format
	packs   []*pack.Pack
	forests []*pack.Forest
	starts  []int            // number of each pack's first object, and of all
	first   []uint32         // by number: the complement of the place, so that zero is none
	bytes   []int64          // by place: bytes in the packs of what it and those before it bring
	trees   [2][]pack.Chosen // to go through now and next, by pack

	mu  sync.Mutex           // guards calls of had
	had func(id []byte) bool // the destination has the object anyway; may be nil
}

// bring finds out what each place of the order brings.
func bring(ctx context.Context, o *order, r Request) (*brought, error) {
	b := &brought{format: r.Format, starts: []int{0}, had: r.Has}
	for _, part := range r.Objects.Parts(r.Packs, nil) {
		f, err := part.Pack.Forest(ctx, r.Scratch)
		if err != nil {
			b.close()
			return nil, err
		}
		n := part.Pack.Index.Len()
		b.packs, b.forests = append(b.packs, part.Pack), append(b.forests, f)
		b.starts = append(b.starts, b.starts[len(b.starts)-1]+n)
		for k := range b.trees {
			b.trees[k] = append(b.trees[k], pack.NewChosen(n))
		}
	}
	b.first = make([]uint32, b.starts[len(b.packs)])
	err := b.fill(ctx, o, r.known())
	if err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *brought) close() {
	for _, f := range b.forests {
		f.Close()
	}
}

func (b *brought) fill(ctx context.Context, o *order, known []object.ID) error {
	if err := b.seed(ctx, o, known); err != nil {
		return err
	}
	for {
		b.trees[0], b.trees[1] = b.trees[1], b.trees[0]
		left := 0
		for k := range b.packs {
			clear(b.trees[1][k])
			left += b.trees[0][k].Len()
		}
		if left == 0 {
			break
		}
		for k := range b.packs {
			if err := b.walk(ctx, k); err != nil {
				return err
			}
		}
	}
	b.sum(o)
	return nil
}

// find returns the number of an object, -1 where no pack has it.
func (b *brought) find(id object.ID) int {
	for k, p := range b.packs {
		if i, ok := p.Index.Find(id); ok {
			return b.starts[k] + i
		}
	}
	return -1
}

// seed gives places to what history names.
func (b *brought) seed(ctx context.Context, o *order, known []object.ID) error {
	turn := compute.Take()
	defer turn.Give()
	for n, place := range o.place {
		if turn.Pass(); n&0xfff == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if place == unplaced {
			continue
		}
		if err := b.seedNode(o, uint32(n), place); err != nil {
			return err
		}
	}
	for place, id := range o.beside {
		if err := b.named(id, place, id); err != nil {
			return err
		}
	}
	for _, id := range known {
		if err := b.named(id, there, id); err != nil {
			return err
		}
	}
	return nil
}

// seedNode gives a place to a commit or tag and what it names that is neither.
func (b *brought) seedNode(o *order, n, place uint32) error {
	id := o.graph.ID(n)
	if err := b.named(id, place, id); err != nil {
		return err
	}
	if o.graph.Type(n) == object.Commit {
		c, _ := object.ParseCommit(b.format, o.graph.Bytes(n))
		return b.named(c.Tree, place, id)
	}
	t, _ := object.ParseTag(b.format, o.graph.Bytes(n))
	if _, ok := o.graph.Find(t.Object); ok {
		return nil
	}
	return b.named(t.Object, place, id)
}

// named notes that an object is needed at a place, by whom.
func (b *brought) named(id object.ID, place uint32, by object.ID) error {
	i := b.find(id)
	if i < 0 {
		return b.missing(id, place, by)
	}
	k := 0
	for i >= b.starts[k+1] {
		k++
	}
	if b.lower(i, place) && b.forests[k].Type(i-b.starts[k]) == object.Tree {
		b.mark(k, i-b.starts[k])
	}
	return nil
}

// missing is the error for an object that is needed at a place and that no pack has. What the destination has need not be here.
func (b *brought) missing(id object.ID, place uint32, by object.ID) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if place == there || b.had != nil && b.had(id.Bytes()) {
		return nil
	}
	return fmt.Errorf("object %s, which %s names, is in none of the packs", id, by)
}

// lower gives an object a place, unless it has that or an earlier one. It is safe for concurrent use.
func (b *brought) lower(i int, place uint32) bool {
	for {
		have := atomic.LoadUint32(&b.first[i])
		if have >= ^place {
			return false
		}
		if atomic.CompareAndSwapUint32(&b.first[i], have, ^place) {
			return true
		}
	}
}

// place returns which place brings the object of that number, unplaced for none.
func (b *brought) place(i int) uint32 { return ^atomic.LoadUint32(&b.first[i]) }

// mark notes a tree to go through next. It is safe for concurrent use.
func (b *brought) mark(k, i int) { atomic.OrUint64(&b.trees[1][k][i>>6], 1<<(i&63)) }

// walk goes through the trees of a pack whose place is new.
func (b *brought) walk(ctx context.Context, k int) error {
	if b.trees[0][k].Len() == 0 {
		return nil
	}
	finders := make([]finder, compute.Processors())
	for i := range finders {
		finders[i] = finder{brought: b, seed: maphash.MakeSeed(), slots: make([]slot, finderSlots)}
	}
	o := pack.WalkOptions{Types: []object.Type{object.Tree}, Workers: len(finders), Want: b.trees[0][k].Has}
	return b.forests[k].Walk(ctx, o, func(tree *pack.Object) error {
		place := b.place(b.starts[k] + int(tree.Pos))
		for e, err := range object.Entries(b.format, tree.Data) {
			if err != nil {
				return fmt.Errorf("tree %s: %w", tree.ID, err)
			}
			if e.Mode.IsSubmodule() {
				continue
			}
			in, i := finders[tree.Worker].find(e.ID)
			if in < 0 {
				if err := b.missing(object.FromBytes(b.format, e.ID), place, tree.ID); err != nil {
					return err
				}
				continue
			}
			if b.lower(b.starts[in]+i, place) && e.Mode.IsTree() {
				b.mark(in, i)
			}
		}
		return nil
	})
}

// sum adds up what the places bring that the destination lacks.
func (b *brought) sum(o *order) {
	turn := compute.Take()
	defer turn.Give()
	b.bytes = make([]int64, o.len()+1)
	for k, f := range b.forests {
		for i := range f.Len() {
			turn.Pass()
			if b.had != nil && b.had(f.IDBytes(i)) {
				b.lower(b.starts[k]+i, there)
			}
			if place := b.place(b.starts[k] + i); place != unplaced && place != there {
				b.bytes[place] += f.Stored(i)
			}
		}
	}
	for place := range o.len() {
		b.bytes[place+1] += b.bytes[place]
	}
}

// between is what the places after one up to another bring.
func (b *brought) between(after, upTo uint32) (parts []pack.Part) {
	turn := compute.Take()
	defer turn.Give()
	for k, p := range b.packs {
		only, some := pack.NewChosen(p.Index.Len()), false
		for i := range p.Index.Len() {
			if place := b.place(b.starts[k] + i); place > after && place <= upTo {
				only.Add(i)
				some = true
			}
		}
		if some {
			parts = append(parts, pack.Part{Pack: p, Only: only})
		}
	}
	return parts
}

// has reports of objects whether they are there once everything up to a place was sent.
func (b *brought) has(upTo uint32) func(object.ID) bool {
	return func(id object.ID) bool {
		if i := b.find(id); i >= 0 {
			return b.place(i) <= upTo
		}
		return b.had != nil && b.had(id.Bytes())
	}
}

// finderSlots is how many objects a finder remembers. Most entries of a tree are those of the tree before it.
const finderSlots = 1 << 14

// finder finds objects by id, for one goroutine.
type finder struct {
	*brought
	seed  maphash.Seed
	slots []slot
}

type slot struct {
	id    [32]byte
	pack  int32 // plus one; 0 where there is nothing
	index uint32
}

// find returns the pack and the number there of an object; the pack is -1 where none has it.
func (f *finder) find(id []byte) (in, i int) {
	s := &f.slots[maphash.Bytes(f.seed, id)&(finderSlots-1)]
	if s.pack > 0 && bytes.Equal(s.id[:len(id)], id) {
		return int(s.pack - 1), int(s.index)
	}
	for k, p := range f.packs {
		if i, ok := p.Index.Find(object.FromBytes(f.format, id)); ok {
			*s = slot{pack: int32(k + 1), index: uint32(i)}
			copy(s.id[:], id)
			return k, i
		}
	}
	return -1, 0
}
