package content

import (
	"context"
	"sync"
	"unsafe"

	"rehome/internal/compute"
	"rehome/internal/git/inflate"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
)

// pass is one run. Objects are numbered as in the order of their ids in the pack.
type pass struct {
	Options
	pack   *pack.Pack
	name   string // of the pack
	forest *pack.Forest
	free   []func()
	result *Result

	choice
	links  links
	states states
	planned
	linked
	converted map[uint32]converted // by blob
	sets      *pathSets
	rules     *rules
	twins     *twins // nil for none
}

// choice is which blobs are chosen.
type choice struct {
	large    set              // of more bytes than the limit
	filter   filter           // of their ids
	possible set              // blobs that some tree names so that they may be chosen
	left     set              // of those, what is left alone: pointers and empty files
	chosen   set              // what some path chooses
	sizes    map[uint32]int64 // of chosen blobs, bytes
}

// planned is the trees that change.
type planned struct {
	nodes  []node
	first  []uint32 // of each object: the first node of it, plus one
	clean  set      // trees that stay, on some path
	stays  set      // blobs that stay, since something names them that stays
	height uint32   // of the highest node
	ids    []byte   // new ones of nodes, zero for what is empty then
}

// node is a tree that changes, on the paths that come to a state.
type node struct {
	tree   uint32
	state  uint32
	next   uint32 // of the same tree, plus one
	height uint32 // over the lowest trees that change, from 1
	set    uint32 // of the paths below it, of pointers no rule makes one yet, or of what was removed
	attr   uint32 // of its own .gitattributes as it is to be; 0 when that stays
}

func (p *pass) close() {
	if p.forest != nil {
		p.forest.Close()
	}
	p.links.close()
	p.states.close()
	p.sets.room.close()
	p.rules.room.close()
	for _, free := range p.free {
		free()
	}
}

// take64 and take32 return n zeros in scratch memory.
func (p *pass) take64(n int) ([]uint64, error) {
	mem, err := p.take(8 * n)
	if err != nil {
		return nil, err
	}
	return unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(mem))), n), nil
}

func (p *pass) take32(n int) ([]uint32, error) {
	mem, err := p.take(4 * n)
	if err != nil {
		return nil, err
	}
	return unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(mem))), n), nil
}

func (p *pass) take(bytes int) ([]byte, error) {
	mem, free, err := p.Scratch(int64(max(bytes, 8)))
	if err != nil {
		return nil, err
	}
	p.free = append(p.free, free)
	return mem, nil
}

// sameFor runs do for parts of 0…n at once and returns an error of one of them.
func (p *pass) sameFor(n int, do func(from, to int) error) error {
	errs := make([]error, p.Workers)
	var wg sync.WaitGroup
	part := n/p.Workers + 1
	for w := range p.Workers {
		wg.Go(func() {
			turn := compute.Take()
			defer turn.Give()
			errs[w] = pack.Guard(func() error { return do(min(w*part, n), min((w+1)*part, n)) })
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// choose finds the blobs over the limit.
func (p *pass) choose(ctx context.Context) error {
	p.large, p.possible, p.left = newSet(p.forest.Len()), newSet(p.forest.Len()), newSet(p.forest.Len())
	p.chosen, p.clean, p.stays = newSet(p.forest.Len()), newSet(p.forest.Len()), newSet(p.forest.Len())
	if !p.removes() && !p.converts() {
		return nil
	}
	err := p.sameFor(p.forest.Len(), func(from, to int) error {
		var d inflate.Decoder
		for i := from; i < to; i++ {
			if i&0xfff == 0 && ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if p.forest.Type(i) != object.Blob {
				continue
			}
			size, err := p.forest.Size(&d, i)
			if err != nil {
				return err
			}
			if size > p.Over {
				p.large.add(uint32(i))
			}
		}
		return nil
	})
	for i := range p.large.each {
		p.filter.add(p.forest.IDBytes(int(i)))
	}
	for _, id := range p.Blobs {
		if i, ok := p.pack.Index.Find(id); ok && p.large.has(uint32(i)) {
			p.possible.add(uint32(i))
		}
	}
	return err
}
