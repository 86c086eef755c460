package content

import (
	"unsafe"

	"rehome/internal/git/attributes"
	"rehome/internal/git/pack"
)

// state is what the path to a tree decides about it.
type state struct {
	path   attributes.State // of the patterns
	macros uint32           // number of the root's macros, 0 for none of its own
	root   bool
}

// states numbers states and keeps, for each, which trees were looked at in it.
type states struct {
	list    []state
	numbers map[state]uint32
	seen    [][]uint32 // by state, by tree: 0 not yet, 1 it stays, else its node plus two
	more    map[uint64]uint32
	below   map[uint64]uint32 // by state and name: the state of the folder of that name; filled by plan
	chosen  map[uint64]bool   // by state and name: a pattern chooses the file; filled by plan
	free    []func()
}

// together makes one key of a state and a name or tree.
func together(state, other uint32) uint64 { return uint64(state)<<32 | uint64(other) }

// maxPairs bounds what is known of states and names or trees, outside of the tables.
const maxPairs = 12 << 20

// isFull reports whether there is no room for more.
func (s *states) isFull() bool { return len(s.more)+len(s.below)+len(s.chosen) > maxPairs }

// mappedStates is how many states have a table of their own.
const mappedStates = 64

const (
	unseen = iota
	asItIs
	firstNode
)

// number returns the number of a state.
func (s *states) number(of state, scratch pack.Scratch, trees int) (uint32, error) {
	n, ok := s.numbers[of]
	if ok {
		return n, nil
	}
	if s.numbers == nil {
		s.numbers, s.more = map[state]uint32{}, map[uint64]uint32{}
		s.below, s.chosen = map[uint64]uint32{}, map[uint64]bool{}
	}
	n = uint32(len(s.list))
	s.numbers[of] = n
	s.list = append(s.list, of)
	if n >= mappedStates {
		return n, nil
	}
	mem, free, err := scratch(int64(4 * max(trees, 1)))
	if err != nil {
		return 0, err
	}
	s.seen = append(s.seen, unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(mem))), trees))
	s.free = append(s.free, free)
	return n, nil
}

func (s *states) get(n, tree uint32) uint32 {
	if n < mappedStates {
		return s.seen[n][tree]
	}
	return s.more[together(n, tree)]
}

func (s *states) set(n, tree, to uint32) {
	if n < mappedStates {
		s.seen[n][tree] = to
	} else {
		s.more[together(n, tree)] = to
	}
}

func (s *states) close() {
	for _, free := range s.free {
		free()
	}
	s.free = nil
}
