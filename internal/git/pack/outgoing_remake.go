package pack

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"

	"rehome/internal/compute"
	"rehome/internal/git/deflate"
	"rehome/internal/git/object"
)

// everyType is what a walk that leaves out no type goes through.
var everyType = []object.Type{object.Commit, object.Tree, object.Blob, object.Tag}

// remake makes the objects whose deltas cannot go out, and keeps each as a whole entry.
func (o *Outgoing) remake(ctx context.Context, p *partial) error {
	workers := make([]remaker, compute.Processors())
	for i := range workers {
		workers[i] = remaker{encoder: deflate.NewEncoder(nil), buffers: buffers{scratch: o.from}}
	}
	defer func() {
		for i := range workers {
			workers[i].buffers.close()
		}
	}()
	want := func(i int) bool { return p.how[p.forest.place[i]] == remade }
	return p.forest.Walk(ctx, WalkOptions{Types: everyType, Workers: len(workers), Want: want}, func(made *Object) (err error) {
		pos := p.forest.place[made.Pos]
		p.refer[pos], err = workers[made.Worker].keep(&o.store, made)
		return err
	})
}

// remaker deflates objects, one at a time.
type remaker struct {
	encoder *deflate.Encoder
	buffers buffers
}

// keep puts an object into the arena as a whole entry.
func (r *remaker) keep(to *arena, made *Object) (ref uint64, err error) {
	room, err := r.buffers.get(int64(maxHeader + deflate.Bound(len(made.Data))))
	if err != nil {
		return 0, fmt.Errorf("make room to deflate object %s: %w", made.ID, err)
	}
	defer r.buffers.put(room)
	b := appendHeader(room[:0], header{typ: made.Type, size: int64(len(made.Data))})
	return to.add(r.encoder.Append(b, made.Data))
}

// arena keeps byte strings in scratch memory. add is safe for concurrent use, get once nothing is added any more.
type arena struct {
	mu      sync.Mutex
	chunks  [][]byte // of lengths and bytes
	used    int      // of the last one
	scratch scratch
}

const (
	arenaChunk  = 8 << 20
	arenaLength = 8  // bytes before each string that say how long it is
	arenaOffset = 40 // bits of a reference that say where in its chunk a string begins; the others are the chunk's number
)

// add keeps b and returns what to get it by.
func (a *arena) add(b []byte) (ref uint64, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	size := arenaLength + len(b)
	if k := len(a.chunks); k == 0 || a.used+size > len(a.chunks[k-1]) {
		chunk := take[byte](&a.scratch, int64(max(size, arenaChunk)), &err)
		if err != nil {
			return 0, fmt.Errorf("make room for objects: %w", err)
		}
		a.chunks, a.used = append(a.chunks, chunk), 0
	}
	k := len(a.chunks) - 1
	ref = uint64(k)<<arenaOffset | uint64(a.used)
	at := a.chunks[k][a.used : a.used+size]
	binary.NativeEndian.PutUint64(at, uint64(len(b)))
	copy(at[arenaLength:], b)
	a.used += size
	return ref, nil
}

// get returns what add kept.
func (a *arena) get(ref uint64) []byte {
	b := a.chunks[ref>>arenaOffset][ref&(1<<arenaOffset-1):]
	return b[arenaLength:][:binary.NativeEndian.Uint64(b)]
}
