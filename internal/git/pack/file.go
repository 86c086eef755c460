package pack

import (
	"rehome/internal/git/inflate"
	"rehome/internal/git/object"
)

// Pack is a finished pack with its index, both in memory or mapped, to read single
// objects from. It is safe for concurrent use.
type Pack struct {
	Index *Index
	bytes []byte
}

// Open returns the pack whose bytes and index are given; they must not change while it
// is in use. Only the headers are looked at.
func Open(packBytes, index []byte, f object.Format) (*Pack, error) {
	x, err := OpenIndex(index, f)
	if err != nil {
		return nil, err
	}
	if len(packBytes) < packHeader+f.Size() {
		return nil, corrupt("pack has %d bytes", len(packBytes))
	}
	n, err := decodePackHeader(packBytes)
	if err != nil {
		return nil, err
	}
	if int64(n) != int64(x.Len()) {
		return nil, corrupt("pack has %d entries, its index %d", n, x.Len())
	}
	return &Pack{Index: x, bytes: packBytes[:len(packBytes)-f.Size()]}, nil
}

// link is one entry of a chain of deltas.
type link struct {
	h    header
	body []byte // from the zlib stream on
}

// chain follows an entry to the whole one it leans on: the entry itself first.
func (p *Pack) chain(offset int64) ([]link, error) {
	var links []link
	for {
		if offset < packHeader || offset >= int64(len(p.bytes)) {
			return nil, corrupt("entry at byte %d of %d", offset, len(p.bytes))
		}
		h, ok, err := decodeHeader(p.bytes[offset:], p.Index.format)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, corrupt("entry header at byte %d is cut off", offset)
		}
		links = append(links, link{h, p.bytes[offset+int64(h.length):]})
		switch h.typ {
		case ofsDelta:
			offset -= h.distance
		case refDelta:
			i, ok := p.Index.Find(h.base)
			if !ok || len(links) > p.Index.Len() {
				return nil, corrupt("delta base %s is not in the pack", h.base)
			}
			offset = p.Index.Offset(i)
		default:
			return links, nil
		}
	}
}

// Read returns the i-th object in the order of ids, refusing one of more than limit bytes.
func (p *Pack) Read(i int, limit int64) (object.Type, []byte, error) {
	links, err := p.chain(p.Index.Offset(i))
	if err != nil {
		return 0, nil, err
	}
	var data []byte
	for k := len(links) - 1; k >= 0; k-- {
		l := links[k]
		if l.h.size > limit {
			return 0, nil, &LimitError{"bytes in an object", l.h.size, limit}
		}
		stored := make([]byte, l.h.size)
		if _, err := inflate.Inflate(stored, l.body); err != nil {
			return 0, nil, corrupt("object %s: %v", p.Index.ID(i), err)
		}
		if k == len(links)-1 {
			data = stored
			continue
		}
		_, size, _, err := DeltaSizes(stored)
		if err != nil {
			return 0, nil, err
		}
		if size > limit {
			return 0, nil, &LimitError{"bytes in an object", size, limit}
		}
		next := make([]byte, size)
		if err := applyDelta(next, data, stored); err != nil {
			return 0, nil, err
		}
		data = next
	}
	return links[len(links)-1].h.typ, data, nil
}

// Type returns the type of the i-th object in the order of ids.
func (p *Pack) Type(i int) (object.Type, error) {
	links, err := p.chain(p.Index.Offset(i))
	if err != nil {
		return 0, err
	}
	return links[len(links)-1].h.typ, nil
}
