package pack

import (
	"context"
	"fmt"

	"rehome/internal/git/object"
)

// pending is a delta whose base was not known when it passed, so neither was the pack
// it belongs to. Its zlib stream waits in the pending file.
type pending struct {
	base   object.ID // named by id, or
	baseAt int64     // by where it began in the incoming pack; 0 when by id
	start  int64     // where it began itself
	stored int64     // what its zlib stream holds
	at     int64     // in the pending file
	length int64
}

// putAside copies an entry's zlib stream to the pending file.
func (p *pass) putAside(h header, baseAt int64) error {
	if h.size > p.o.Limits.HeldBytes {
		return &LimitError{"bytes in a delta", h.size, p.o.Limits.HeldBytes}
	}
	d := pending{base: h.base, baseAt: baseAt, start: p.in.n, stored: h.size}
	if n := len(p.pending); n > 0 {
		d.at = p.pending[n-1].at + p.pending[n-1].length
	}
	if err := p.skipHeader(h); err != nil {
		return err
	}
	err := p.big.inflate(p.in, h.size, func(raw []byte) error {
		d.length += int64(len(raw))
		if _, err := p.o.Storage.Pending.Write(raw); err != nil {
			return fmt.Errorf("put entry aside: %w", err)
		}
		return nil
	}, func([]byte) error { return nil })
	if err != nil {
		return err
	}
	p.pending = append(p.pending, d)
	p.origins.add(d.start, nowhere)
	return nil
}

// settle places what was put aside, each entry once its base is known, at the end of
// its base's pack. What is left then leans on objects that are not in the pack.
func (p *pass) settle(ctx context.Context) error {
	if len(p.pending) == 0 {
		return nil
	}
	p.chains.gather(p)
	byID, byStart := map[object.ID][]int{}, map[int64][]int{}
	for i, d := range p.pending {
		if d.baseAt != 0 {
			byStart[d.baseAt] = append(byStart[d.baseAt], i)
		} else {
			byID[d.base] = append(byID[d.base], i)
		}
	}
	type ready struct {
		pending int
		base    uint32
	}
	var work []ready
	release := func(waiting []int, base uint32) {
		for _, i := range waiting {
			work = append(work, ready{i, base})
		}
	}
	for id, waiting := range byID {
		if base, ok := p.chains.placeOf(p, id); ok {
			release(waiting, base)
			delete(byID, id)
		}
	}
	for len(work) > 0 {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		next := work[len(work)-1]
		work = work[:len(work)-1]
		id, place, err := p.place(p.pending[next.pending], next.base)
		if err != nil {
			return err
		}
		start := p.pending[next.pending].start
		release(byID[id], place)
		delete(byID, id)
		release(byStart[start], place)
		delete(byStart, start)
	}
	for id := range byID {
		return corrupt("a delta names base %s, which is not in the pack", id)
	}
	return nil
}

// place appends a pending delta to the pack of its base, makes it whole and visits it.
func (p *pass) place(d pending, base uint32) (object.ID, uint32, error) {
	w, mark := p.history, uint32(0)
	if base&inContent != 0 {
		w, mark = p.content, inContent
	}
	base &^= inContent
	data, raw, err := p.pendingObject(d, w, base)
	if err != nil {
		return object.ID{}, 0, err
	}
	kind := w.table.kind[base]
	pos := w.begin(kind, int64(len(data)), base, d.stored)
	w.write(raw)
	if err := w.end(); err != nil {
		return object.ID{}, 0, err
	}
	id, err := p.hasher.Sum(kind, data)
	if err != nil {
		return object.ID{}, 0, err
	}
	w.table.setID(pos, id)
	p.chains.learn(p, id, pos|mark)
	p.chains.keep(w, pos, data)
	p.count(kind)
	return id, pos | mark, p.o.Visit(&Object{Type: kind, ID: id, Size: int64(len(data)), Data: data, Pos: pos})
}

// pendingObject returns what a pending delta makes of its base, and its zlib stream.
func (p *pass) pendingObject(d pending, w *packWriter, base uint32) (data, raw []byte, err error) {
	raw = make([]byte, d.length)
	if _, err := p.o.Storage.Pending.ReadAt(raw, d.at); err != nil {
		return nil, nil, fmt.Errorf("read entry put aside: %w", err)
	}
	delta := make([]byte, d.stored)
	if _, err := p.small.Inflate(delta, raw); err != nil {
		return nil, nil, corrupt("entry put aside: %v", err)
	}
	_, size, _, err := DeltaSizes(delta)
	if err != nil {
		return nil, nil, err
	}
	if err := p.o.Limits.check(w.table.kind[base], size, false); err != nil {
		return nil, nil, err
	}
	whole, err := p.chains.object(w, base)
	if err != nil {
		return nil, nil, err
	}
	data = make([]byte, size)
	return data, raw, applyDelta(data, whole, delta)
}
