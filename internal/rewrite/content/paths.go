package content

import (
	"encoding/binary"
	"iter"
	"sync"
)

// pathSets are sets of paths below a tree. The same set has the same number, so that trees
// that differ in other things alone share what is made of it. 0 is the empty set.
type pathSets struct {
	mu      sync.Mutex
	numbers map[string]uint32
	list    []pathSet
}

// pathSet is paths in the order of the tree's entries.
type pathSet struct {
	items   []item
	longest int // bytes of a path at most, with room for what it takes to write it in .gitattributes
}

// item is a file, or a folder with the set of what is in it. A file's name may be a path.
type item struct {
	name  string
	below uint32 // 0 for a file
}

func newPathSets() *pathSets {
	return &pathSets{numbers: map[string]uint32{"": 0}, list: []pathSet{{}}}
}

// number returns the number of a set.
func (s *pathSets) number(items []item) uint32 {
	var key []byte
	for _, it := range items {
		key = binary.AppendUvarint(key, uint64(it.below))
		key = binary.AppendUvarint(key, uint64(len(it.name)))
		key = append(key, it.name...)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n, ok := s.numbers[string(key)]
	if !ok {
		n = uint32(len(s.list))
		set := pathSet{items: append([]item(nil), items...)}
		for _, it := range items {
			set.longest = max(set.longest, written(it.name)+s.list[it.below].longest)
		}
		s.numbers[string(key)] = n
		s.list = append(s.list, set)
	}
	return n
}

// written is how many bytes a name takes in .gitattributes at most: each byte as an octal
// escape, or two where backslashes double, and a slash.
func written(name string) int {
	n := 1
	for i := range len(name) {
		switch c := name[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '-', c == '_', c == '/':
			n++
		default:
			n += 5
		}
	}
	return n
}

func (s *pathSets) at(n uint32) pathSet {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.list[n]
}

// paths yields the paths of a set. A path is valid until the next.
func (s *pathSets) paths(n uint32) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		var path []byte
		s.below(n, &path, yield)
	}
}

func (s *pathSets) below(n uint32, path *[]byte, yield func([]byte) bool) bool {
	from := len(*path)
	for _, it := range s.at(n).items {
		*path = append((*path)[:from], it.name...)
		if it.below == 0 {
			if !yield(*path) {
				return false
			}
			continue
		}
		*path = append(*path, '/')
		if !s.below(it.below, path, yield) {
			return false
		}
	}
	return true
}
