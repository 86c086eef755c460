package survey

import (
	"context"
	"math"
	"slices"
	"strings"
	"sync"

	"rehome"
	"rehome/internal/git/object"
)

// Bounds of what is taken down of folders: below a depth, or past a number, what lies in one counts for the one above it.
const (
	folderDepth    = 4
	maxFolders     = 1 << 17
	maxFolderNames = 1 << 17
	maxNameBytes   = 8 << 20 // of all names of folders together
	maxMine        = 1 << 13 // names that each caller remembers by itself, so that few ask for the lock
)

// folderNames numbers names of folders, from 1, as trees name them; 0 is one for which there was no room. Each name is kept once, however
// many folders have it. It is safe for concurrent use.
type folderNames struct {
	mu    sync.Mutex // guards what follows
	known map[string]uint32
	list  []string
	bytes int
}

// number returns the number of a name. mine is what the caller asked for before.
func (f *folderNames) number(mine map[string]uint32, name []byte) uint32 {
	if n, ok := mine[string(name)]; ok {
		return n
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	n, ok := f.known[string(name)]
	if !ok {
		if len(f.list) >= maxFolderNames || f.bytes+len(name) > maxNameBytes {
			return 0
		}
		if f.known == nil {
			f.known = map[string]uint32{}
		}
		f.list = append(f.list, string(name))
		n = uint32(len(f.list))
		f.known[f.list[n-1]] = n
		f.bytes += len(name)
	}
	if len(mine) >= maxMine {
		clear(mine)
	}
	mine[f.list[n-1]] = n
	return n
}

// folders are those in which the blobs of a history lie, all versions of all branches together. An object lies where it was
// named first.
//
// The note of a tree in the table is the number of its name there, and once it was looked at the folder's number with the bit settled.
type folders struct {
	*Survey
	list []branch
	name []uint32 // of each its last name
	at   map[nameIn]uint32
	path []known
}

// nameIn is a folder by where it lies, in the upper half, and the number of its name.
type nameIn uint64

const settled = 1 << 31

// folders returns how many bytes there are in which folder, those of blobs that were not known before.
func (s *Survey) folders(ctx context.Context) ([]rehome.FolderBytes, error) {
	f := folders{Survey: s, list: make([]branch, 1), name: make([]uint32, 1), at: map[nameIn]uint32{}}
	var err error
	n := 0
	s.table.all(func(k known) bool {
		if n++; n&0xffff == 0 && ctx.Err() != nil {
			err = ctx.Err()
			return false
		}
		if k.is(object.Blob) && !s.knew(s.id(k)) {
			f.blob(k)
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	return f.fit(), nil
}

func (f *folders) blob(k known) {
	size := int64(f.table.note(k.number))
	if size == math.MaxUint32 {
		size = f.huge[k.number]
	}
	at := uint32(0)
	if from, ok := f.namer(k); ok {
		at = f.of(from)
	}
	f.list[at].bytes += size
	f.list[at].files++
}

// namer returns the tree that named k first.
func (f *folders) namer(k known) (known, bool) {
	if k.state&hasRef == 0 {
		return known{}, false
	}
	from := f.table.get(k.ref)
	return from, from.is(object.Tree)
}

// of returns the folder that a tree is. It goes up no further than to one it has been at.
func (f *folders) of(k known) (at uint32) {
	f.path = f.path[:0]
	for {
		if note := f.table.note(k.number); note&settled != 0 {
			at = note &^ settled
			break
		}
		from, ok := f.namer(k)
		if !ok {
			f.table.setNote(k.number, settled) // the top
			break
		}
		f.path = append(f.path, k)
		k = from
	}
	for _, k := range slices.Backward(f.path) {
		at = f.below(at, f.table.note(k.number))
		f.table.setNote(k.number, at|settled)
	}
	return at
}

// below returns the folder of a name in the one at a place.
func (f *folders) below(at, name uint32) uint32 {
	in := f.list[at]
	if name == 0 || in.depth == folderDepth {
		return at
	}
	key := nameIn(at)<<32 | nameIn(name)
	if there, ok := f.at[key]; ok {
		return there
	}
	if len(f.list) == maxFolders {
		return at
	}
	n := uint32(len(f.list))
	length := in.length + len(f.names.list[name-1])
	if at > 0 {
		length++
	}
	f.list, f.name = append(f.list, branch{parent: at, depth: in.depth + 1, length: length}), append(f.name, name)
	f.at[key] = n
	return n
}

// fit returns the folders that are large enough, with what is in the others.
func (f *folders) fit() []rehome.FolderBytes {
	fold(f.list, Kept.Folders, Kept.Paths)
	var list []rehome.FolderBytes
	for n := range f.list {
		if b := &f.list[n]; b.at == uint32(n) && b.files > 0 {
			list = append(list, rehome.FolderBytes{Path: f.pathOf(uint32(n)), Bytes: b.bytes, Files: b.files})
		}
	}
	return list
}

func (f *folders) pathOf(n uint32) string {
	var names []string
	for ; n > 0; n = f.list[n].parent {
		names = append(names, f.names.list[f.name[n]-1])
	}
	slices.Reverse(names)
	return strings.Join(names, "/")
}
