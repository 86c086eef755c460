package content

import (
	"sync"

	"github.com/klauspost/compress/zlib"

	"rehome/internal/git/object"
	"rehome/internal/git/pack"
)

// newFiles are the .gitattributes that were made. Each is kept as its entry of the pack to be, in scratch
// memory, for the next one is mostly a delta of a few bytes.
type newFiles struct {
	room arena
	of   map[object.ID]uint32

	reading sync.RWMutex // guards list where it is read while others are made
	list    []newFile    // by number; 0 is none

	differ       pack.Differ
	z            *zlib.Writer
	delta, entry []byte

	last    []byte // the text of the one before that others may lean on
	lastOne uint32 // its number, 0 for none
	chain   int    // how many deltas it takes to make it
}

// newFile is a .gitattributes file that was made.
type newFile struct {
	id     object.ID
	size   int    // bytes that stream holds
	stream []byte // zlib, of the text or of a delta of base
	base   uint32 // number of a file before this one, 0 for none
}

// idOf returns the id of a file that was made.
func (f *newFiles) idOf(n uint32) object.ID {
	f.reading.RLock()
	defer f.reading.RUnlock()
	return f.list[n].id
}

// newFile keeps a text and returns its number.
func (p *pass) newFile(text []byte) (uint32, error) {
	r := p.rules
	id, err := object.NewHasher(p.Format).Sum(object.Blob, text)
	if err != nil {
		return 0, err
	}
	if n, ok := r.of[id]; ok {
		return n, nil
	}
	one, data := newFile{id: id, size: len(text)}, text
	if r.lastOne != 0 && r.chain < deepest {
		if r.delta = r.differ.Append(r.delta[:0], r.last, text); len(r.delta) < len(text)/2 {
			one.size, one.base, data = len(r.delta), r.lastOne, r.delta
		}
	}
	if r.entry, err = squeeze(r.z, r.entry[:0], data); err != nil {
		return 0, err
	}
	if one.stream, err = r.room.keep(r.entry); err != nil {
		return 0, err
	}
	n := uint32(len(r.list))
	r.of[id] = n
	r.reading.Lock()
	r.list = append(r.list, one)
	r.reading.Unlock()
	if _, old := p.pack.Index.Find(id); old {
		return n, nil // it may lie in the pack already, in an entry of its own
	}
	if r.chain++; one.base == 0 {
		r.chain = 0
	}
	r.last, r.lastOne = append(r.last[:0], text...), n
	return n, nil
}
