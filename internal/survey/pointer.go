package survey

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"slices"
	"unicode/utf8"

	"rehome/internal/git/repo"
	"rehome/internal/lfs"
)

// mayPoint tells most blobs from Git LFS pointers at a glance: those begin with "version", "ext-", or a space of
// some kind that is passed over.
func mayPoint(data []byte) bool {
	if len(data) == 0 || len(data) >= lfs.MaxPointer {
		return false
	}
	c := data[0]
	return c == 'v' || c == 'e' || c <= ' ' || c >= utf8.RuneSelf
}

// pointers is every blob that is a Git LFS pointer, in memory of an arena, 44 bytes each: the id and the size it
// names, and the blob's number in the table.
type pointers struct {
	arena  *arena
	chunks [][]byte
	n      int
	order  []uint32 // sorted by id, then size, once all are there
}

const (
	pointerSize = 32 + 8 + 4
	pointerBits = 12 // a chunk has so many, as a power of two: 176 KiB
)

func (p *pointers) add(o lfs.Object, number uint32) error {
	if p.n>>pointerBits == len(p.chunks) {
		chunk, err := p.arena.alloc(pointerSize << pointerBits)
		if err != nil {
			return err
		}
		p.chunks = append(p.chunks, chunk)
	}
	p.n++
	b := p.at(uint32(p.n - 1))
	copy(b, o.OID[:])
	binary.LittleEndian.PutUint64(b[32:], uint64(o.Size))
	binary.LittleEndian.PutUint32(b[40:], number)
	return nil
}

func (p *pointers) at(i uint32) []byte {
	return p.chunks[i>>pointerBits][int(i&(1<<pointerBits-1))*pointerSize:][:pointerSize]
}

func (p *pointers) oid(i uint32) []byte { return p.at(i)[:32] }

func (p *pointers) size(i uint32) int64 { return int64(binary.LittleEndian.Uint64(p.at(i)[32:])) }

func (p *pointers) blob(i uint32) uint32 { return binary.LittleEndian.Uint32(p.at(i)[40:]) }

// sort puts them in order and returns what they name, each id once. Where they differ on a size, most of
// them are right, and of as many the larger.
func (p *pointers) sort() []lfs.Object {
	p.order = make([]uint32, p.n)
	for i := range p.order {
		p.order[i] = uint32(i)
	}
	slices.SortFunc(p.order, func(a, b uint32) int {
		return cmp.Or(bytes.Compare(p.oid(a), p.oid(b)), cmp.Compare(p.size(a), p.size(b)))
	})
	var list []lfs.Object
	best, votes := 0, 0
	for i, n := range p.order {
		o := lfs.Object{OID: lfs.OID(p.oid(n)), Size: p.size(n)}
		if len(list) == 0 || list[len(list)-1].OID != o.OID {
			list, best, votes = append(list, o), 0, 0
		} else if p.size(p.order[i-1]) != o.Size {
			votes = 0
		}
		if votes++; votes >= best {
			list[len(list)-1].Size, best = o.Size, votes
		}
	}
	return list
}

// of returns the blobs that point to oid, by their numbers in p.
func (p *pointers) of(oid lfs.OID) []uint32 {
	compare := func(i uint32, oid lfs.OID) int { return bytes.Compare(p.oid(i), oid[:]) }
	from, _ := slices.BinarySearchFunc(p.order, oid, compare)
	to := from
	for to < len(p.order) && compare(p.order[to], oid) == 0 {
		to++
	}
	return p.order[from:to]
}

// maxTried is how many blobs that point to one object are looked at for one that a ref reaches.
const maxTried = 64

// Where returns a path and a ref at which each object is pointed to. It may be called between Finish and Close.
func (s *Survey) Where(ctx context.Context, objs *repo.Objects, refs []repo.Ref, head string, oids []lfs.OID) (map[lfs.OID]Place, error) {
	places := make(map[lfs.OID]Place, len(oids))
	if len(oids) == 0 || s.pointers.n == 0 {
		return places, nil
	}
	f, err := s.finder(ctx, objs, refs, head)
	if err != nil {
		return nil, err
	}
	for _, oid := range oids {
		at := s.pointers.of(oid)
		for _, i := range at[:min(len(at), maxTried)] {
			p, err := f.where(ctx, s.pointers.blob(i))
			if err != nil {
				return nil, err
			}
			if places[oid] = p; p.Ref != "" {
				break
			}
		}
	}
	return places, nil
}
