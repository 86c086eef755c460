package pack

import "rehome/internal/git/object"

// wholeHistory copies a commit or tag that came whole to the history pack.
func (p *pass) wholeHistory(h header) error {
	start := p.in.n
	data, err := p.historyEntry(h, h.typ, h.size, none, make([]byte, h.size))
	if err != nil {
		return err
	}
	return p.historyObject(start, data)
}

// historyDelta copies a commit or tag that came as a delta to the history pack, and
// makes it whole: its base has passed before it.
func (p *pass) historyDelta(h header, base uint32) error {
	kind := p.history.table.kind[base]
	if err := p.o.Limits.check(kind, h.size, false); err != nil {
		return err
	}
	start := p.in.n
	delta, err := p.historyEntry(h, kind, 0, base, p.buf)
	if err != nil {
		return err
	}
	if h.size <= heldEntry {
		p.buf = delta
	}
	size, err := p.deltaResult(delta, p.history.table, base)
	if err != nil {
		return err
	}
	whole, err := p.chains.object(p.history, base)
	if err != nil {
		return err
	}
	data := make([]byte, size)
	if err := applyDelta(data, whole, delta); err != nil {
		return err
	}
	p.history.table.size[p.history.table.n-1] = uint64(size)
	p.count(kind)
	return p.historyObject(start, data)
}

// historyEntry appends the raw entry to the history pack and returns what its zlib
// stream holds.
func (p *pass) historyEntry(h header, kind object.Type, size int64, base uint32, buf []byte) ([]byte, error) {
	data, raw, err := p.held(h, buf)
	if err == errTooLong {
		return p.historyStreamed(h, kind, size, base, data)
	}
	if err != nil {
		return nil, err
	}
	p.history.begin(kind, size, base, h.size)
	p.history.write(raw[h.length:])
	if err := p.history.end(); err != nil {
		return nil, err
	}
	return data, p.in.take(raw)
}

// historyStreamed is historyEntry for one longer than the window; data has room for it.
func (p *pass) historyStreamed(h header, kind object.Type, size int64, base uint32, data []byte) ([]byte, error) {
	if err := p.skipHeader(h); err != nil {
		return nil, err
	}
	p.history.begin(kind, size, base, h.size)
	data = data[:0]
	err := p.big.inflate(p.in, h.size,
		func(raw []byte) error { p.history.write(raw); return p.history.err },
		func(b []byte) error { data = append(data, b...); return nil })
	if err != nil {
		return nil, err
	}
	return data, p.history.end()
}

// historyObject hashes and visits the commit or tag that was appended last.
func (p *pass) historyObject(start int64, data []byte) error {
	t := p.history.table
	pos := t.n - 1
	id, err := p.hasher.Sum(t.kind[pos], data)
	if err != nil {
		return err
	}
	p.origins.add(start, pos)
	p.learn(id, pos)
	p.chains.keep(p.history, pos, data)
	return p.visit(Object{Type: t.kind[pos], ID: id, Size: int64(len(data)), Data: data, Pos: pos})
}
