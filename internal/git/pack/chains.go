package pack

import "rehome/internal/git/inflate"

// What chains keeps at hand. History deltas lean on commits close by, so most bases are
// among the recent objects.
const (
	keptBytes = 16 << 20 // in all
	keepable  = 1 << 20  // in one object
	keptExtra = 128      // what keeping an object takes besides its bytes
)

// chains makes single objects whole while a pass is under way.
type chains struct {
	kept    map[chainKey][]byte
	order   []chainKey // as they were kept, oldest first
	bytes   int        // of kept, with keptExtra for each
	buffers buffers
	inflate inflate.Decoder
	spend   func(bytes int64) error
	last    []byte // what object returned last, when it is not kept
}

type chainKey struct {
	w   *packWriter
	pos uint32
}

// get returns room for an object of n bytes. Give it to keep or put.
func (c *chains) get(n int64) ([]byte, error) {
	if n <= keepable {
		return make([]byte, n), nil
	}
	return c.buffers.get(n)
}

// put gives back what get returned, unless it may have been kept.
func (c *chains) put(data []byte) {
	if len(data) > keepable {
		c.buffers.put(data)
	}
}

// keep holds on to data, the object at pos, for a while.
func (c *chains) keep(w *packWriter, pos uint32, data []byte) {
	if len(data) > keepable {
		return
	}
	if c.kept == nil {
		c.kept = map[chainKey][]byte{}
	}
	key := chainKey{w, pos}
	c.kept[key] = data
	c.order = append(c.order, key)
	for c.bytes += len(data) + keptExtra; c.bytes > keptBytes; c.order = c.order[1:] {
		c.bytes -= len(c.kept[c.order[0]]) + keptExtra
		delete(c.kept, c.order[0])
	}
}

// object returns the object at pos of w, valid until the next call. The caller must not change it.
func (c *chains) object(w *packWriter, pos uint32) ([]byte, error) {
	c.put(c.last)
	c.last = nil
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
		c.put(data)
		data = next
		c.keep(w, chain[i], data)
	}
	c.last = data
	return data, nil
}

// step makes the object at pos from its entry and, where that is a delta, from base.
func (c *chains) step(w *packWriter, pos uint32, base []byte) ([]byte, error) {
	size := int64(w.table.size[pos])
	if err := c.spend(size / remakeFee); err != nil {
		return nil, err
	}
	raw, err := c.buffers.get(w.table.length(pos))
	if err != nil {
		return nil, err
	}
	defer c.buffers.put(raw)
	if err := w.read(pos, raw); err != nil {
		return nil, err
	}
	h, body, err := splitEntry(raw, w.table.format)
	if err != nil {
		return nil, err
	}
	data, err := c.get(size)
	if err != nil {
		return nil, err
	}
	if w.table.base[pos] == none {
		return data, inflateInto(&c.inflate, data, body)
	}
	delta, err := c.buffers.get(h.size)
	if err != nil {
		return nil, err
	}
	defer c.buffers.put(delta)
	if err := inflateInto(&c.inflate, delta, body); err != nil {
		return nil, err
	}
	return data, applyDelta(data, base, delta)
}
