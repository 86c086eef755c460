package pack

import (
	"context"
	"errors"
	"fmt"

	"rehome/internal/compute"
	"rehome/internal/git/object"
)

// putAside copies an entry's zlib stream to the pending file.
func (p *pass) putAside(h header, baseAt int64) (err error) {
	if h.size > p.o.Limits.HeldBytes {
		return &LimitError{"bytes in a delta", h.size, p.o.Limits.HeldBytes}
	}
	if p.pending == nil {
		if p.pending, err = newWaiting(p.entries, p.o.Storage.Scratch); err != nil {
			return err
		}
	}
	d := pending{base: h.base, start: p.in.n, stored: h.size}
	if n := len(p.pending.list); n > 0 {
		d.at = p.pending.list[n-1].at + p.pending.list[n-1].length
	}
	if err := p.skipHeader(h); err != nil {
		return err
	}
	err = p.big.inflate(p.in, h.size, func(raw []byte) error {
		d.length += int64(len(raw))
		if _, err := p.o.Storage.Pending.Write(raw); err != nil {
			return fmt.Errorf("put entry aside: %w", err)
		}
		return nil
	}, func([]byte) error { return nil })
	if err != nil {
		return err
	}
	p.pending.add(d, baseAt)
	p.origins.add(d.start, nowhere)
	return nil
}

// settle places what was put aside, each entry once its base is known, at the end of
// its base's pack. What is left then leans on objects that are not in the pack.
func (p *pass) settle(ctx context.Context) error {
	w := p.pending
	if w == nil {
		return nil
	}
	turn := compute.Take()
	defer turn.Give()
	p.places.gather()
	if err := w.sort(); err != nil {
		return err
	}
	for _, i := range w.named {
		if base, ok := p.places.find(w.list[i].base); ok {
			w.byID(w.list[i].base, base)
		}
	}
	for len(w.ready) > 0 {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		turn.Pass()
		next := w.ready[len(w.ready)-1]
		w.ready = w.ready[:len(w.ready)-1]
		id, place, err := p.place(w.list[next.pending], next.base)
		if err != nil {
			return fmt.Errorf("entry at byte %d: %w", w.list[next.pending].start, err)
		}
		w.byID(id, place)
		w.byDistance(next.pending, place)
	}
	for _, d := range w.list {
		if !d.placed && d.parent == none {
			return corrupt("a delta names base %s, which is not in the pack", d.base)
		}
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
	data, err := p.pendingObject(d, w, base)
	if err != nil {
		return object.ID{}, 0, err
	}
	defer p.chains.put(data)
	pos, kind := w.table.n-1, w.table.kind[base]
	id, err := p.hasher.Sum(kind, data)
	if err != nil {
		return object.ID{}, 0, err
	}
	p.learn(id, pos|mark)
	p.chains.keep(w, pos, data)
	p.count(kind)
	return id, pos | mark, p.visit(Object{Type: kind, ID: id, Size: int64(len(data)), Data: data, Pos: pos})
}

// pendingObject appends a pending delta to w and returns what it makes of its base.
func (p *pass) pendingObject(d pending, w *packWriter, base uint32) ([]byte, error) {
	raw, err := p.chains.buffers.get(d.length)
	if err != nil {
		return nil, err
	}
	defer p.chains.buffers.put(raw)
	if _, err := p.o.Storage.Pending.ReadAt(raw, d.at); err != nil {
		return nil, fmt.Errorf("read entry put aside: %w", err)
	}
	delta, err := p.chains.buffers.get(d.stored)
	if err != nil {
		return nil, err
	}
	defer p.chains.buffers.put(delta)
	if err := inflateInto(&p.chains.inflate, delta, raw); err != nil {
		return nil, err
	}
	size, err := p.deltaResult(delta, w.table, base)
	if err != nil {
		return nil, err
	}
	whole, err := p.chains.object(w, base)
	if err != nil {
		return nil, err
	}
	data, err := p.chains.get(size)
	if err != nil {
		return nil, err
	}
	w.begin(w.table.kind[base], size, base, d.stored)
	w.write(raw)
	return data, errors.Join(applyDelta(data, whole, delta), w.end())
}
