package pack

import (
	"context"
	"fmt"

	"rehome/internal/compute"
	"rehome/internal/git/object"
)

// how an entry of a part goes out.
type how uint8

const (
	left   how = iota // it does not
	asIs              // as it lies there
	nearer            // a delta of an entry of the same part, whose position refer has
	far               // a delta of an entry before the part; refer has where that begins in the outgoing pack
	named             // a delta of what the receiver has and does not go out
	remade            // whole; refer has where it lies in the arena
)

// partial is a section that does not go out whole, entry by entry. All slices are by position in its pack.
type partial struct {
	forest  *Forest
	entries int64
	how     []how
	refer   []uint64
	at      []uint64 // where the entry begins in the outgoing pack
	scratch scratch
}

func (p *partial) close() {
	if p.forest != nil {
		p.forest.Close()
	}
	p.scratch.close()
}

// lay decides how each entry of the k-th section goes out, and returns where the section ends.
func (o *Outgoing) lay(ctx context.Context, k int, options OutgoingOptions) (end int64, err error) {
	s := o.sections[k]
	s.part = &partial{scratch: scratch{from: o.from}}
	if s.only.Len() == 0 {
		return s.at, nil
	}
	p := s.part
	if p.forest, err = s.pack.forest(ctx, o.from, o.limits); err != nil {
		return 0, err
	}
	n := int64(p.forest.Len())
	p.how = take[how](&p.scratch, n, &err)
	p.refer = take[uint64](&p.scratch, n, &err)
	p.at = take[uint64](&p.scratch, n, &err)
	if err != nil {
		return 0, fmt.Errorf("make table of %d objects: %w", n, err)
	}
	whole, err := o.decide(ctx, k, options.Has)
	if err == nil && whole > 0 {
		err = o.remake(ctx, p)
	}
	if err == nil && options.Resemble != nil {
		err = o.against(ctx, s, options.Resemble)
	}
	if err != nil {
		return 0, err
	}
	return o.measure(ctx, s)
}

// decide fills how, and refer but for what is remade. whole is how many are.
func (o *Outgoing) decide(ctx context.Context, k int, has func(object.ID) bool) (whole int64, err error) {
	s := o.sections[k]
	p := s.part
	t := p.forest.table
	turn := compute.Take()
	defer turn.Give()
	for pos := range t.n {
		if turn.Pass(); pos&0xfff == 0 && ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		if !s.only.Has(int(p.forest.rank[pos])) {
			continue
		}
		p.entries++
		base := t.base[pos]
		if base == none {
			p.how[pos] = asIs
			continue
		}
		if base < pos && p.how[base] != left { // most are
			p.how[pos], p.refer[pos] = nearer, uint64(base)
			continue
		}
		if p.how[pos], p.refer[pos], err = o.lean(k, pos, s.pack.Index.ID(int(p.forest.rank[base])), has); err != nil {
			return 0, err
		}
		if p.how[pos] == remade {
			whole++
		}
	}
	return whole, nil
}

// lean says what the delta at pos of the k-th section is made from there: its base is not among what went out of the
// same pack before, or lies there again.
func (o *Outgoing) lean(k int, pos uint32, base object.ID, has func(object.ID) bool) (how, uint64, error) {
	s := o.sections[k]
	if i, ok := s.find(base); ok {
		if at := s.part.forest.place[i]; at < pos {
			return nearer, uint64(at), nil
		}
		return remade, 0, nil
	}
	for _, before := range o.sections[:k] {
		i, ok := before.find(base)
		if !ok {
			continue
		}
		if before.part != nil {
			return far, before.part.at[before.part.forest.place[i]], nil
		}
		at := before.pack.Index.Offset(i)
		if at < packHeader || at >= int64(len(before.pack.bytes)) {
			return 0, 0, corrupt("entry at byte %d of %d", at, len(before.pack.bytes))
		}
		return far, uint64(before.at + at - packHeader), nil
	}
	for _, after := range o.sections[k+1:] {
		if _, ok := after.find(base); ok {
			return remade, 0, nil // even where the receiver has it: there may be a circle by then
		}
	}
	if has != nil && has(base) {
		return named, 0, nil
	}
	return remade, 0, nil
}

// measure gives the entries their places.
func (o *Outgoing) measure(ctx context.Context, s *section) (end int64, err error) {
	var head [maxHeader]byte
	at := s.at
	turn := compute.Take()
	defer turn.Give()
	for pos, how := range s.part.how {
		if turn.Pass(); pos&0xfff == 0 && ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		if how == left {
			continue
		}
		s.part.at[pos] = uint64(at)
		h, body, err := o.entry(s.part, uint32(pos), head[:0])
		if err != nil {
			return 0, err
		}
		at += int64(len(h) + len(body))
	}
	return at, nil
}

// entry returns the entry at pos as it goes out: its header, made in buf, and the rest.
func (o *Outgoing) entry(p *partial, pos uint32, buf []byte) (head, body []byte, err error) {
	t := p.forest.table
	raw := p.forest.pack.bytes[t.offset[pos]:t.offset[pos+1]]
	switch p.how[pos] {
	case asIs:
		return nil, raw, nil
	case remade:
		return nil, o.store.get(p.refer[pos]), nil
	}
	h, body, err := splitEntry(raw, t.format)
	if err != nil {
		return nil, nil, err
	}
	switch p.how[pos] {
	case nearer:
		h.typ, h.distance = ofsDelta, int64(p.at[pos]-p.at[p.refer[pos]])
	case far:
		h.typ, h.distance = ofsDelta, int64(p.at[pos]-p.refer[pos])
	case named:
		h.typ, h.base = refDelta, p.forest.pack.Index.ID(int(p.forest.rank[t.base[pos]]))
	}
	return appendHeader(buf, h), body, nil
}
