package pack

import (
	"context"
	"errors"
	"fmt"
	"io"

	"rehome/internal/git/inflate"
	"rehome/internal/git/object"
)

// heldEntry is the size up to which what an entry holds is inflated in one piece, bytes.
const heldEntry = window / 2

// scan reads every entry of the incoming pack, once, and its trailer.
func (p *pass) scan(context.Context) error {
	report := int64(0)
	for i := range p.entries {
		if err := p.entry(); err != nil {
			return fmt.Errorf("entry %d of %d: %w", i+1, p.entries, err)
		}
		if p.in.n >= report {
			p.progress(i+1, false)
			report = p.in.n + 1<<19
		}
	}
	if err := p.in.trailer(); err != nil {
		return err
	}
	p.summary.Bytes = p.in.n
	p.progress(p.entries, false)
	return nil
}

// entry reads one entry.
func (p *pass) entry() error {
	start := p.in.n
	b, err := p.in.peek(maxHeader)
	if err != nil {
		return err
	}
	h, ok, err := decodeHeader(b, p.o.Format)
	if err != nil {
		return err
	}
	if !ok {
		return io.ErrUnexpectedEOF
	}
	switch h.typ {
	case ofsDelta:
		place, ok := p.origins.find(start - h.distance)
		if !ok {
			return corrupt("delta base at %d bytes back is no entry", h.distance)
		}
		if place == nowhere {
			return p.putAside(h, start-h.distance)
		}
		return p.delta(h, place)
	case refDelta:
		place, ok, err := p.placeOf(h.base)
		if err != nil {
			return err
		}
		if ok {
			return p.delta(h, place)
		}
		return p.putAside(h, 0)
	}
	if err := p.o.Limits.check(h.typ, h.size, true); err != nil {
		return err
	}
	p.count(h.typ)
	switch {
	case h.typ == object.Commit || h.typ == object.Tag:
		return p.wholeHistory(h)
	case h.size > heldEntry:
		return p.wholeStreamed(h)
	}
	return p.wholeHeld(h)
}

// held inflates the entry that begins where the stream stands into buf; used is its raw
// bytes. It is errTooLong for one that the window has no room for; data has the size even so.
func (p *pass) held(h header, buf []byte) (data, used []byte, err error) {
	data = grow(buf, h.size)
	if h.size <= heldEntry {
		b, err := p.in.peek(min(window, h.length+int(h.size)+int(h.size>>8)+256))
		if err != nil {
			return nil, nil, err
		}
		n, err := p.chains.inflate.Inflate(data, b[h.length:])
		if err == nil {
			return data, b[:h.length+n], nil
		}
		if !errors.Is(err, inflate.ErrShort) {
			return nil, nil, corrupt("entry at byte %d: %v", p.in.n, err)
		}
	}
	return data, nil, errTooLong
}

// errTooLong says that an entry has to be streamed.
var errTooLong = errors.New("entry is longer than the window")

// wholeHeld copies a tree or a small blob to the content pack.
func (p *pass) wholeHeld(h header) error {
	data, raw, err := p.held(h, p.buf)
	if err == errTooLong {
		return p.wholeStreamed(h)
	}
	if err != nil {
		return err
	}
	p.buf = data
	start := p.in.n
	pos := p.content.begin(h.typ, h.size, none, h.size)
	p.content.write(raw[h.length:])
	if err := p.content.end(); err != nil {
		return err
	}
	if err := p.in.take(raw); err != nil {
		return err
	}
	p.origins.add(start, pos|inContent)
	if h.typ == object.Tree && p.places == nil {
		return nil // hashed and visited with the deltas made from it
	}
	id, err := p.hasher.Sum(h.typ, data)
	if err != nil {
		return err
	}
	p.learn(id, pos|inContent)
	if h.typ == object.Tree {
		return nil
	}
	return p.visit(Object{Type: h.typ, ID: id, Size: h.size, Data: data, Pos: pos})
}

// wholeStreamed copies a large blob or tree to the content pack without holding it.
func (p *pass) wholeStreamed(h header) error {
	start := p.in.n
	if err := p.skipHeader(h); err != nil {
		return err
	}
	pos := p.content.begin(h.typ, h.size, none, h.size)
	p.hasher.Begin(h.typ, h.size)
	err := p.big.inflate(p.in, h.size,
		func(raw []byte) error { p.content.write(raw); return p.content.err },
		func(data []byte) error { p.hasher.Write(data); return nil })
	if err != nil {
		return err
	}
	if err := p.content.end(); err != nil {
		return err
	}
	id, err := p.hasher.End()
	if err != nil {
		return err
	}
	p.origins.add(start, pos|inContent)
	p.learn(id, pos|inContent)
	if h.typ == object.Tree {
		return nil
	}
	return p.visit(Object{Type: h.typ, ID: id, Size: h.size, Pos: pos})
}

// skipHeader consumes an entry's header.
func (p *pass) skipHeader(h header) error {
	b, err := p.in.peek(h.length)
	if err != nil {
		return err
	}
	return p.in.take(b)
}

// delta copies an entry made from the one at place to that one's pack.
func (p *pass) delta(h header, place uint32) error {
	if place&inContent == 0 {
		return p.historyDelta(h, place)
	}
	base := place &^ inContent
	kind := p.content.table.kind[base]
	if h.size > p.o.Limits.HeldBytes {
		return &LimitError{"bytes in a delta", h.size, p.o.Limits.HeldBytes}
	}
	if h.size > heldEntry {
		return p.deltaStreamed(h, base, kind)
	}
	data, raw, err := p.held(h, p.buf)
	if err == errTooLong {
		return p.deltaStreamed(h, base, kind)
	}
	if err != nil {
		return err
	}
	p.buf = data
	size, err := p.deltaResult(data, p.content.table, base)
	if err != nil {
		return err
	}
	start := p.in.n
	pos := p.content.begin(kind, size, base, h.size)
	p.content.write(raw[h.length:])
	if err := p.content.end(); err != nil {
		return err
	}
	p.origins.add(start, pos|inContent)
	p.count(kind)
	return p.in.take(raw)
}

// deltaStreamed is delta for one too large for the window. What it makes is known only
// when its start has been inflated, after its header has been written, so the size in
// the table follows.
func (p *pass) deltaStreamed(h header, base uint32, kind object.Type) error {
	start, head := p.in.n, make([]byte, 0, maxDeltaHeader)
	if err := p.skipHeader(h); err != nil {
		return err
	}
	pos := p.content.begin(kind, 0, base, h.size)
	err := p.big.inflate(p.in, h.size,
		func(raw []byte) error { p.content.write(raw); return p.content.err },
		func(data []byte) error {
			head = append(head, data[:min(len(data), cap(head)-len(head))]...)
			return nil
		})
	if err != nil {
		return err
	}
	size, err := p.deltaResult(head, p.content.table, base)
	if err != nil {
		return err
	}
	p.content.table.size[pos] = uint64(size)
	p.origins.add(start, pos|inContent)
	p.count(kind)
	return p.content.end()
}
