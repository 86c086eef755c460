package history

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
)

// filler takes down objects, on several workers.
type filler struct {
	graph   *Graph
	workers []*taker

	mu    sync.Mutex
	known map[rehome.Identity]uint32 // guarded by mu, as is graph.identities
}

// taker is what a worker keeps to itself.
type taker struct {
	*filler
	arena   *arena
	seen    map[string]uint32 // numbers of identities by the bytes of their lines
	parents []byte
	commits int64
	missing bool
}

func (g *Graph) fill(ctx context.Context, s Source, numbers [][]uint32) error {
	f := &filler{graph: g, known: map[rehome.Identity]uint32{}}
	heap := new(atomic.Int64)
	heap.Store(maxHeap)
	for range s.Workers {
		a := &arena{heap: heap, scratch: s.Scratch}
		g.arenas = append(g.arenas, a)
		f.workers = append(f.workers, &taker{filler: f, arena: a, seen: map[string]uint32{}})
	}
	for i, forest := range g.forests {
		o := pack.WalkOptions{Types: []object.Type{object.Commit, object.Tag}, Workers: s.Workers}
		err := forest.Walk(ctx, o, func(o *pack.Object) error {
			n := numbers[i][o.Pos]
			if g.places[n] != (place{int32(i), o.Pos}) {
				return nil // another pack has it, too
			}
			return f.workers[o.Worker].take(n, o.Type, o.Data)
		})
		if err != nil {
			return err
		}
	}
	for _, l := range s.Loose {
		if n, ok := g.Find(l.ID); ok && g.places[n].pack < 0 && g.nodes[n].kind == 0 {
			if err := f.workers[0].take(n, l.Type, l.Data); err != nil {
				return err
			}
		}
	}
	for _, w := range f.workers {
		g.commits += w.commits
		g.missing = g.missing || w.missing
	}
	return nil
}

// take takes down one object.
func (w *taker) take(n uint32, kind object.Type, data []byte) error {
	node := &w.graph.nodes[n]
	node.kind, node.author, node.committer = kind, None, None
	w.parents = w.parents[:0]
	if kind == object.Commit {
		w.commit(node, data)
	} else {
		w.tag(node, data)
	}
	var err error
	node.record, err = w.arena.keep(w.parents, data)
	return err
}

func (w *taker) commit(node *node, data []byte) {
	w.commits++
	c, faults := object.ParseCommit(w.graph.format, data)
	for id := range c.Parents() {
		w.parent(id, object.Commit)
	}
	node.author, node.committer = w.identity(data, &c.Author), w.identity(data, &c.Committer)
	if c.Signed {
		node.flags |= signed
	}
	if faults.Has(object.MultipleAuthors) || faults.Has(object.MissingAuthor) || faults.Has(object.MissingCommitter) ||
		isOdd(faults, data, c.Committer.End, c.Message, "\nauthor ", "\ncommitter ") {
		node.flags |= odd
	}
}

func (w *taker) tag(node *node, data []byte) {
	t, faults := object.ParseTag(w.graph.format, data)
	w.parent(t.Object, t.Type)
	node.committer = w.identity(data, &t.Tagger)
	if t.Signed {
		node.flags |= signed
	}
	if faults.Has(object.MissingTaggerEntry) || isOdd(faults, data, t.Tagger.End, t.Message, "\ntagger ") {
		node.flags |= odd
	}
}

// isOdd reports whether an object is one that Git cannot read, or has other people after the last
// whom Git looks for, up to its message.
func isOdd(faults object.Faults, data []byte, last, message int, keys ...string) bool {
	if faults != 0 && faults.Dangerous() != object.NoFault {
		return true
	}
	for _, key := range keys {
		if bytes.Contains(data[last:message], []byte(key)) {
			return true
		}
	}
	return false
}

func (w *taker) parent(id object.ID, kind object.Type) {
	n, ok := w.graph.Find(id)
	if !ok {
		n = None
		w.missing = w.missing || kind == object.Commit || kind == object.Tag
	}
	w.parents = binary.LittleEndian.AppendUint32(w.parents, n)
}

// longLine is the length, bytes, from which lines are not remembered: they may differ in their white
// space alone, and be as long as a commit.
const longLine = 512

// identity returns the number of who stands in a line.
func (w *taker) identity(data []byte, i *object.Ident) uint32 {
	if !i.Found() {
		return None
	}
	line := data[i.Start:i.End]
	if n, ok := w.seen[string(line)]; ok {
		return n
	}
	n := w.number(rehome.Identity{Name: string(i.Name), Mail: string(i.Mail)})
	if len(line) < longLine {
		w.seen[string(line)] = n
	}
	return n
}

func (f *filler) number(who rehome.Identity) uint32 {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, ok := f.known[who]
	if !ok {
		n = uint32(len(f.graph.identities))
		f.known[who] = n
		f.graph.identities = append(f.graph.identities, who)
	}
	return n
}

// record is parents and an object, with their lengths before them, 4 bytes each.
type record []byte

func (r record) split() (parents Parents, data []byte) {
	if len(r) == 0 {
		return nil, nil
	}
	n := binary.LittleEndian.Uint32(r)
	return Parents(r[4 : 4+n]), r[4+n:]
}

// arena keeps records: the first of all workers on the heap, which is quicker to touch, the
// others in scratch memory.
type arena struct {
	heap    *atomic.Int64 // bytes that all arenas may still take of it
	scratch pack.Scratch
	rest    []byte
	free    []func()
}

const (
	chunk   = 8 << 20
	maxHeap = 64 << 20
)

func (a *arena) keep(parents, data []byte) (record, error) {
	size := 4 + len(parents) + len(data)
	if len(a.rest) < size {
		if err := a.take(max(chunk, size)); err != nil {
			return nil, fmt.Errorf("take memory for history: %w", err)
		}
	}
	r := a.rest[:size:size]
	a.rest = a.rest[size:]
	binary.LittleEndian.PutUint32(r, uint32(len(parents)))
	copy(r[4:], parents)
	copy(r[4+len(parents):], data)
	return r, nil
}

// take begins another piece of memory.
func (a *arena) take(size int) error {
	if a.heap.Add(-int64(size)) >= 0 {
		a.rest = make([]byte, size)
		return nil
	}
	mem, free, err := a.scratch(int64(size))
	if err != nil {
		return err
	}
	a.rest, a.free = mem, append(a.free, free)
	return nil
}

func (a *arena) close() {
	for _, free := range a.free {
		free()
	}
	a.free, a.rest = nil, nil
}
