package pack

import (
	"rehome/internal/git/inflate"
	"rehome/internal/git/object"
)

// keptBytes bounds the recent objects that chains keeps at hand. History deltas lean
// on commits close by, so most bases are among them.
const keptBytes = 16 << 20

// chains makes single objects whole while a pass is under way, and finds them by id
// once an entry has named its base that way.
type chains struct {
	kept    map[chainKey][]byte
	order   []chainKey // as they were kept, oldest first
	bytes   int
	raw     []byte
	inflate inflate.Decoder

	byID   bool // an entry has named its base by id
	places map[object.ID]uint32
}

type chainKey struct {
	w   *packWriter
	pos uint32
}

func newChains() *chains { return &chains{kept: map[chainKey][]byte{}} }

// keep holds on to data, the object at pos, for a while.
func (c *chains) keep(w *packWriter, pos uint32, data []byte) {
	if len(data) > keptBytes/16 {
		return
	}
	key := chainKey{w, pos}
	c.kept[key] = data
	c.order = append(c.order, key)
	for c.bytes += len(data); c.bytes > keptBytes; c.order = c.order[1:] {
		c.bytes -= len(c.kept[c.order[0]])
		delete(c.kept, c.order[0])
	}
}

// object returns the object at pos of w. The caller must not change it.
func (c *chains) object(w *packWriter, pos uint32) ([]byte, error) {
	var chain []uint32
	var data []byte
	for {
		if have, ok := c.kept[chainKey{w, pos}]; ok {
			data = have
			break
		}
		chain = append(chain, pos)
		if w.table.base[pos] == none {
			break
		}
		pos = w.table.base[pos]
	}
	for i := len(chain) - 1; i >= 0; i-- {
		next, err := c.step(w, chain[i], data)
		if err != nil {
			return nil, err
		}
		data = next
		c.keep(w, chain[i], data)
	}
	return data, nil
}

// step makes the object at pos from its entry and, where that is a delta, from base.
func (c *chains) step(w *packWriter, pos uint32, base []byte) ([]byte, error) {
	raw, err := w.raw(pos, c.raw)
	if err != nil {
		return nil, err
	}
	c.raw = raw
	stored, err := inflateEntry(&c.inflate, raw, w.table.format, nil)
	if err != nil || w.table.base[pos] == none {
		return stored, err
	}
	data := make([]byte, w.table.size[pos])
	return data, applyDelta(data, base, stored)
}

// inflateEntry returns what the zlib stream of a raw entry holds, in buf where it fits.
func inflateEntry(d *inflate.Decoder, raw []byte, f object.Format, buf []byte) ([]byte, error) {
	h, ok, err := decodeHeader(raw, f)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, corrupt("entry header is cut off")
	}
	buf = grow(buf, h.size)
	if _, err := d.Inflate(buf, raw[h.length:]); err != nil {
		return nil, corrupt("entry: %v", err)
	}
	return buf, nil
}

// learn remembers where the object of an id went, once ids are asked for.
func (c *chains) learn(_ *pass, id object.ID, place uint32) {
	if c.byID {
		c.places[id] = place
	}
}

// placeOf returns where the object of an id went. The first call gathers the ids
// known so far: packs that name bases by id are rare, so nothing is kept for them before.
func (c *chains) placeOf(p *pass, id object.ID) (uint32, bool) {
	if !c.byID {
		c.gather(p)
	}
	place, ok := c.places[id]
	return place, ok
}

// gather makes the map of all ids known so far.
func (c *chains) gather(p *pass) {
	c.byID, c.places = true, make(map[object.ID]uint32, p.history.table.n+p.content.table.n)
	for pos := range p.history.table.n {
		c.places[p.history.table.id(pos)] = pos
	}
	for pos := range p.content.table.n {
		if id := p.content.table.id(pos); !id.IsZero() {
			c.places[id] = pos | inContent
		}
	}
}
