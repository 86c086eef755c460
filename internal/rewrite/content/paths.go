package content

import (
	"crypto/sha256"
	"iter"
	"math"
	"slices"
	"sync"
	"unsafe"

	"rehome"
)

// maxPaths bounds the paths below one tree, and those that are removed: a few small trees, named by
// one another again and again, have more than there is memory for.
const maxPaths = 4 << 20

// pathSets are sets of paths below a tree. The same set has the same number, so that trees
// that differ in other things alone share what is made of it. 0 is the empty set. Safe for concurrent use.
type pathSets struct {
	room arena

	mu      sync.RWMutex // guards what follows
	numbers map[[sha256.Size]byte]uint32
	list    []pathSet
}

// pathSet is paths in the order of the tree's entries.
type pathSet struct {
	items   []item // in scratch memory
	longest int    // bytes of a path at most, with room for what it takes to write it in .gitattributes
	count   int64  // of paths, at most math.MaxInt32
}

// item is a file, or a folder with the set of what is in it. A file's name may be a path.
type item struct {
	name  uint32
	below uint32 // 0 for a file
}

func (p *pass) newPathSets() {
	p.sets = &pathSets{room: arena{scratch: p.Scratch}, numbers: map[[sha256.Size]byte]uint32{}, list: []pathSet{{}}}
}

// setOf returns the number of a set.
func (p *pass) setOf(items []item) (uint32, error) {
	if len(items) == 0 {
		return 0, nil
	}
	s, raw := p.sets, unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(items))), len(items)*int(unsafe.Sizeof(item{})))
	key := sha256.Sum256(raw)
	s.mu.Lock()
	defer s.mu.Unlock()
	if n, ok := s.numbers[key]; ok {
		return n, nil
	}
	kept, err := s.room.keep(raw)
	if err != nil {
		return 0, err
	}
	set := pathSet{items: unsafe.Slice((*item)(unsafe.Pointer(unsafe.SliceData(kept))), len(items))}
	for _, it := range items {
		below := s.list[it.below]
		set.longest = max(set.longest, written(p.links.text(it.name))+below.longest)
		set.count = min(set.count+max(below.count, 1), math.MaxInt32)
	}
	n := uint32(len(s.list))
	s.numbers[key] = n
	s.list = append(s.list, set)
	return n, nil
}

// written is how many bytes a name takes in .gitattributes at most: each byte as an octal
// escape, or two where backslashes double, and a slash.
func written(name []byte) int {
	n := 1
	for _, c := range name {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '-', c == '_', c == '/':
			n++
		default:
			n += 5
		}
	}
	return n
}

func (s *pathSets) at(n uint32) pathSet {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.list[n]
}

// paths yields the paths of a set. A path is valid until the next.
func (p *pass) paths(set uint32) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		var path []byte
		p.pathsBelow(set, &path, yield)
	}
}

// pathsBelow goes down as deep as folders lie, which the survey bounds.
func (p *pass) pathsBelow(set uint32, path *[]byte, yield func([]byte) bool) bool {
	from := len(*path)
	for _, it := range p.sets.at(set).items {
		*path = append((*path)[:from], p.links.text(it.name)...)
		if it.below == 0 {
			if !yield(*path) {
				return false
			}
			continue
		}
		*path = append(*path, '/')
		if !p.pathsBelow(it.below, path, yield) {
			return false
		}
	}
	return true
}

// allPaths returns all paths of some sets, sorted.
func (p *pass) allPaths(sets []uint32) (all [][]byte, err error) {
	tooMany := &rehome.Error{
		Code:    rehome.LimitPassed,
		Message: "Large files cannot be removed: they have more than 4 million paths.",
		Hint:    "Choose fewer files, or leave them as they are.",
	}
	for _, s := range sets {
		if p.sets.at(s).count > maxPaths {
			return nil, tooMany
		}
	}
	err = p.union(sets, nil, func(path []byte) error {
		if len(all) == maxPaths {
			return tooMany
		}
		all = append(all, slices.Clone(path))
		return nil
	})
	slices.SortFunc(all, slices.Compare)
	return all, err
}

// union shows each path of some sets once. What the sets share it goes through once.
func (p *pass) union(sets []uint32, path []byte, show func([]byte) error) error {
	below := map[uint32][]uint32{}
	for _, s := range sets {
		for _, it := range p.sets.at(s).items {
			if list, known := below[it.name]; !known || !slices.Contains(list, it.below) {
				below[it.name] = append(list, it.below)
			}
		}
	}
	from := len(path)
	for name, list := range below {
		path = append(path[:from], p.links.text(name)...)
		if slices.Contains(list, 0) {
			if err := show(path); err != nil {
				return err
			}
		}
		if len(list) == 1 && list[0] == 0 {
			continue
		}
		if err := p.union(list, append(path, '/'), show); err != nil {
			return err
		}
	}
	return nil
}
