package content

import (
	"sync"
	"unsafe"

	"rehome"
	"rehome/internal/git/pack"
)

// links is what was taken down of each tree, in scratch memory:
//
//	number of folders, number of files, blob of its .gitattributes plus one, or noFile
//	for each folder: its tree, where its entry starts, its name
//	for each file that may be chosen, .gitmodules, or commit of a submodule that was moved: its blob, where its entry starts, its name and what is known of it
//
// Names are numbers, 0 while nobody asks for them.
type links struct {
	scratch pack.Scratch
	where   []uint64 // by tree: chunk and place in it, plus one

	mu     sync.RWMutex // guards what follows
	chunks [][]uint32
	free   []func()
	names  map[string]uint32
	texts  [][]byte // by number
	lost   bool     // names came that are not held
}

const (
	headWords = 3
	linkWords = 3
	chunkSize = 1 << 18 // words

	isLarge = 1 << 31 // of a file's blob: it is over the limit
	isNever = 1 << 31 // of a file's name: the entry cannot become a pointer, nor is it matched

	isLink    = 1 << 30 // of a file's name: it is a submodule's commit, and its blob a number of linked
	isModules = 1 << 29 // of a file's name: it is a .gitmodules
	nameFlags = isNever | isLink | isModules
)

// folder is an entry of a tree that names a tree.
type folder struct{ tree, at, name uint32 }

// file is an entry of a tree that names a blob which may be chosen.
type file struct {
	blob, at, name uint32
	large, never   bool
	link, modules  bool
}

// record is what is known of one tree.
type record []uint32

func (r record) folders() int { return int(r[0]) }
func (r record) files() int   { return int(r[1]) }

// attributes returns the blob of the tree's .gitattributes.
func (r record) attributes() (blob uint32, ok bool) { return r[2] - 1, r[2] != 0 && r[2] != noFile }

// noFile stands for a .gitattributes that is a symlink or a folder.
const noFile = ^uint32(0)

func (r record) folder(i int) folder {
	w := r[headWords+linkWords*i:]
	return folder{w[0], w[1], w[2]}
}

func (r record) file(i int) file {
	w := r[headWords+linkWords*(r.folders()+i):]
	return file{
		blob: w[0] &^ isLarge, at: w[1], name: w[2] &^ nameFlags, large: w[0]&isLarge != 0,
		never: w[2]&isNever != 0, link: w[2]&isLink != 0, modules: w[2]&isModules != 0,
	}
}

// of returns the record of a tree; ok is false when it was not seen.
func (l *links) of(tree uint32) (r record, ok bool) {
	w := l.where[tree]
	if w == 0 {
		return nil, false
	}
	r = l.chunks[(w-1)>>32][uint32(w-1):]
	return r[:headWords+linkWords*(int(r[0])+int(r[1]))], true
}

// shelf is where one worker puts records.
type shelf struct {
	*links
	number int
	rest   []uint32
}

// put keeps a record.
func (s *shelf) put(tree uint32, r []uint32) error {
	if len(r) > len(s.rest) {
		if err := s.fetch(max(len(r), chunkSize)); err != nil {
			return err
		}
	}
	at := len(s.chunk()) - len(s.rest)
	copy(s.rest, r)
	s.rest = s.rest[len(r):]
	s.where[tree] = uint64(s.number)<<32 | uint64(at) + 1
	return nil
}

func (s *shelf) chunk() []uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.chunks[s.number]
}

// fetch gets a chunk of n words.
func (s *shelf) fetch(n int) error {
	mem, free, err := s.scratch(int64(4 * n))
	if err != nil {
		return err
	}
	s.rest = unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(mem))), n)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.number = len(s.chunks)
	s.chunks, s.free = append(s.chunks, s.rest), append(s.free, free)
	return nil
}

// maxNames bounds the names that are held, of files that may be chosen and of folders that patterns tell apart.
const maxNames = 2 << 20

// nameOf returns the number of a name, 0 past maxNames: then hasNames tells.
func (l *links) nameOf(name []byte) uint32 {
	l.mu.RLock()
	n, ok := l.names[string(name)]
	l.mu.RUnlock()
	if ok {
		return n
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.names == nil {
		l.names, l.texts = map[string]uint32{}, [][]byte{nil}
	}
	if n, ok = l.names[string(name)]; ok {
		return n
	}
	if l.lost = l.lost || len(l.texts) > maxNames; l.lost {
		return 0
	}
	n = uint32(len(l.texts))
	text := string(name)
	l.names[text] = n
	l.texts = append(l.texts, unsafe.Slice(unsafe.StringData(text), len(text)))
	return n
}

// hasNames fails when there were more names than are held.
func (l *links) hasNames() error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if !l.lost {
		return nil
	}
	return &rehome.Error{
		Code:    rehome.LimitPassed,
		Message: "Large files cannot be changed: files that may be chosen have more than 2 million names.",
		Hint:    "Use fewer patterns, or leave large files as they are.",
	}
}

// text returns the name of a number.
func (l *links) text(name uint32) []byte {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.texts[name]
}

func (l *links) close() {
	for _, free := range l.free {
		free()
	}
	l.free = nil
}
