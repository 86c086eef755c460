// Package history is the commits and tags of a repository as a graph of numbers.
//
//	gather the ids of every commit and tag, from packs and loose objects, sorted: the number
//	    of an object is its place among them
//	walk each pack base first, on all cores: take down parents and identities as numbers,
//	    and keep the bytes in scratch memory, so that no object is inflated twice
package history

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"sort"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
)

// None stands for no object and for no identity.
const None = ^uint32(0)

// Source is where history is read from.
type Source struct {
	Format  object.Format
	Packs   []*pack.Pack // may hold trees and blobs, too; an object may be in several
	Loose   []Loose      // commits and tags
	Scratch pack.Scratch
	Workers int // at least 1
}

// Loose is a commit or tag that lies in no pack.
type Loose struct {
	ID   object.ID
	Type object.Type
	Data []byte
}

// Graph is every commit and tag of a repository. It is safe for concurrent use but for Close.
// About 70 bytes of memory an object; of the objects themselves the first 64 MiB lie there, too, the
// others in scratch memory.
type Graph struct {
	format     object.Format
	ids        []byte // sorted
	fanout     [1<<16 + 1]uint32
	nodes      []node
	places     []place // where in the packs, by number
	forests    []*pack.Forest
	identities []rehome.Identity
	arenas     []*arena
	commits    int64
	missing    bool
}

// node is one commit or tag.
type node struct {
	record            record // number of parents and parents, 4 bytes each, then the object
	author, committer uint32 // numbers of identities; a tag's tagger is its committer
	kind              object.Type
	flags             flags
}

type flags uint8

const (
	signed flags = 1 << iota
	odd          // it has identity lines where Git does not look for them
)

// place is an object in a pack: number of the pack and of the object there. A loose one has a negative pack.
type place struct {
	pack int32
	rank uint32
}

// Read makes the graph of all commits and tags there are, reachable or not. Damage is an
// error that wraps pack.ErrCorrupt. Close the graph.
func Read(ctx context.Context, s Source) (*Graph, error) {
	g := &Graph{format: s.Format}
	if err := pack.Guard(func() error { return g.read(ctx, s) }); err != nil {
		g.Close()
		return nil, fmt.Errorf("read history: %w", err)
	}
	return g, nil
}

func (g *Graph) read(ctx context.Context, s Source) error {
	numbers, err := g.gather(ctx, s)
	if err != nil {
		return err
	}
	return g.fill(ctx, s, numbers)
}

// found is an id with where it is.
type found struct {
	head uint64 // the first bytes of the id, for a quick comparison
	place
}

// gather lists the ids, and returns the number of each object of each pack.
func (g *Graph) gather(ctx context.Context, s Source) (numbers [][]uint32, err error) {
	var all []found
	for i, p := range s.Packs {
		f, err := p.Forest(ctx, s.Scratch)
		if err != nil {
			return nil, err
		}
		g.forests = append(g.forests, f)
		for rank := range p.Index.Len() {
			if t := f.Type(rank); t == object.Commit || t == object.Tag {
				all = append(all, found{head(p.Index.IDBytes(rank)), place{int32(i), uint32(rank)}})
			}
		}
		numbers = append(numbers, make([]uint32, p.Index.Len()))
	}
	loose := make([][]byte, len(s.Loose))
	for i, l := range s.Loose {
		loose[i] = l.ID.Bytes()
		all = append(all, found{head(loose[i]), place{-1, uint32(i)}})
	}
	id := func(f found) []byte {
		if f.pack < 0 {
			return loose[f.rank]
		}
		return s.Packs[f.pack].Index.IDBytes(int(f.rank))
	}
	slices.SortStableFunc(all, func(a, b found) int {
		if c := cmp.Compare(a.head, b.head); c != 0 {
			return c
		}
		return bytes.Compare(id(a), id(b))
	})
	g.number(all, id, numbers)
	g.fan()
	return numbers, nil
}

// number gives the objects, sorted by id, their numbers, and notes those in numbers.
func (g *Graph) number(all []found, id func(found) []byte, numbers [][]uint32) {
	g.ids = make([]byte, 0, len(all)*g.format.Size())
	for _, f := range all {
		b := id(f)
		if n := len(g.ids) - len(b); n < 0 || !bytes.Equal(g.ids[n:], b) {
			g.ids = append(g.ids, b...)
			g.places = append(g.places, f.place)
		}
		if f.pack >= 0 {
			numbers[f.pack][f.rank] = uint32(len(g.places) - 1)
		}
	}
	g.nodes = make([]node, len(g.places))
}

func head(id []byte) uint64 { return binary.BigEndian.Uint64(id) }

// fan counts the ids below each two first bytes.
func (g *Graph) fan() {
	size := g.format.Size()
	for n := range g.nodes {
		g.fanout[int(binary.BigEndian.Uint16(g.ids[n*size:]))+1]++
	}
	for i := range 1 << 16 {
		g.fanout[i+1] += g.fanout[i]
	}
}

// Close gives back memory. What is left are ids: Len, ID, Find, FindPrefix and Type.
func (g *Graph) Close() {
	for _, a := range g.arenas {
		a.close()
	}
	for _, f := range g.forests {
		f.Close()
	}
	g.arenas, g.forests = nil, nil
}

// Format returns the format of the ids.
func (g *Graph) Format() object.Format { return g.format }

// Len returns how many commits and tags there are.
func (g *Graph) Len() int { return len(g.nodes) }

// Commits returns how many of them are commits.
func (g *Graph) Commits() int64 { return g.commits }

// Complete reports whether every parent, and every commit and tag that a tag names, is there.
func (g *Graph) Complete() bool { return !g.missing }

// ID returns the id of an object; numbers ascend with ids.
func (g *Graph) ID(n uint32) object.ID {
	return object.FromBytes(g.format, g.ids[int(n)*g.format.Size():])
}

// IDBytes returns the bytes of an object's id, which are the graph's own.
func (g *Graph) IDBytes(n uint32) []byte {
	size := g.format.Size()
	return g.ids[int(n)*size : int(n)*size+size : int(n)*size+size]
}

// Find returns the number of an object, false when there is no such commit or tag.
func (g *Graph) Find(id object.ID) (n uint32, ok bool) {
	var b [32]byte
	return g.find(id.AppendTo(b[:0]))
}

func (g *Graph) find(id []byte) (uint32, bool) {
	size := g.format.Size()
	if len(id) != size {
		return None, false
	}
	prefix := int(binary.BigEndian.Uint16(id))
	lo, hi := g.fanout[prefix], g.fanout[prefix+1]
	i := sort.Search(int(hi-lo), func(i int) bool {
		at := (int(lo) + i) * size
		return bytes.Compare(g.ids[at:at+size], id) >= 0
	})
	n := lo + uint32(i)
	if n < hi && bytes.Equal(g.ids[int(n)*size:int(n)*size+size], id) {
		return n, true
	}
	return None, false
}

// FindPrefix returns the one commit among some whose id begins with the given hex digits, in lower
// case; false when there is none or more than one. A whole id may be a tag's, too. nil is all.
func (g *Graph) FindPrefix(hex []byte, among Set) (n uint32, ok bool) {
	size := g.format.Size()
	if len(hex) > 2*size {
		return None, false
	}
	from := sort.Search(len(g.nodes), func(i int) bool {
		return compareHex(g.ids[i*size:i*size+size], hex) >= 0
	})
	n = None
	for i := from; i < len(g.nodes) && compareHex(g.ids[i*size:i*size+size], hex) == 0; i++ {
		if g.nodes[i].kind != object.Commit && len(hex) < 2*size || among != nil && !among.Has(uint32(i)) {
			continue
		}
		if n != None {
			return None, false
		}
		n = uint32(i)
	}
	return n, n != None
}

// compareHex compares as many hex digits of an id as there are in hex.
func compareHex(id, hex []byte) int {
	const digits = "0123456789abcdef"
	for i, want := range hex {
		have := id[i/2] >> 4
		if i%2 == 1 {
			have = id[i/2] & 15
		}
		if c := cmp.Compare(digits[have], want); c != 0 {
			return c
		}
	}
	return 0
}

// Type returns whether an object is a commit or a tag.
func (g *Graph) Type(n uint32) object.Type { return g.nodes[n].kind }

// Signed reports whether an object is signed.
func (g *Graph) Signed(n uint32) bool { return g.nodes[n].flags&signed != 0 }

// Odd reports whether an object has identity lines where Git does not look for them.
func (g *Graph) Odd(n uint32) bool { return g.nodes[n].flags&odd != 0 }

// Author returns the number of a commit's author, None when it names none.
func (g *Graph) Author(n uint32) uint32 { return g.nodes[n].author }

// Committer returns the number of a commit's committer or a tag's tagger, None when it names none.
func (g *Graph) Committer(n uint32) uint32 { return g.nodes[n].committer }

// Identities returns everybody, by number. It must not be changed.
func (g *Graph) Identities() []rehome.Identity { return g.identities }

// Bytes returns an object. They must not be changed, and live as long as the graph.
func (g *Graph) Bytes(n uint32) []byte {
	_, data := g.nodes[n].record.split()
	return data
}

// Parents is the numbers of a commit's parents, or of what a tag names: None for what is
// no commit or tag here.
type Parents []byte

// Len returns how many there are.
func (p Parents) Len() int { return len(p) / 4 }

// At returns the i-th.
func (p Parents) At(i int) uint32 { return binary.LittleEndian.Uint32(p[4*i:]) }

// Parents returns what history goes on to from an object.
func (g *Graph) Parents(n uint32) Parents {
	parents, _ := g.nodes[n].record.split()
	return parents
}

// Stored returns the numbers of all objects in the order in which they lie in their packs,
// so that what is a delta comes after what it is made from, unless it names that by its id.
func (g *Graph) Stored() []uint32 {
	order := make([]uint32, len(g.nodes))
	at := make([]uint64, len(g.nodes))
	for n, p := range g.places {
		order[n] = uint32(n)
		at[n] = uint64(uint32(p.pack)) << 32
		if p.pack >= 0 {
			at[n] |= uint64(g.forests[p.pack].Place(int(p.rank)))
		}
	}
	slices.SortFunc(order, func(a, b uint32) int { return cmp.Compare(at[a], at[b]) })
	return order
}

// Entry returns how an object lies in its pack, with the number of its delta base, None
// for a whole one. ok is false for a loose object.
func (g *Graph) Entry(n uint32) (e pack.Entry, base uint32, ok bool, err error) {
	p := g.places[n]
	if p.pack < 0 {
		return e, None, false, nil
	}
	e, err = g.forests[p.pack].Entry(int(p.rank))
	base = None
	if err == nil && e.Base >= 0 {
		base, _ = g.find(g.forests[p.pack].IDBytes(e.Base))
	}
	return e, base, true, err
}
