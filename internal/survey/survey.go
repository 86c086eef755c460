// Package survey looks at every object of a pack as it passes: who wrote history, which files are large, what is wrong.
//
//	commit, tag    take down identities, parents and faults
//	tree           check the entries; those a delta copied from a checked tree are not looked at again
//	each id named  goes into one table of ids with the object that named it first
//	Finish         every id named must be there, with the right type; large blobs get a path and a ref
package survey

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/lfs"
)

// defaultLarge is the size from which on a file counts as large when Options names none.
const defaultLarge = 100 << 20

// Options say what to look for. Only Format has to be set right.
type Options struct {
	Format    object.Format
	LargeOver int64  // blobs of more bytes are large; 0 is 100 MiB
	Workers   int    // how many may call Visit at once; a hint
	Peer      string // what errors call whose objects these are; "" is source

	// Identities is told of new identities, in the order they were first seen, a few at a
	// time as history passes; those left over when Finish starts come then. It is
	// called from Visit and Finish, never twice at once. May be nil.
	Identities func([]Identity)

	// Known reports what an earlier survey has found whole, with all that it leads to; nil is nothing. It is not counted
	// or listed again where it passes once more. It is called by Visit and Finish, from many goroutines.
	Known func(object.ID) bool
	Depth int // how deep known trees lie in one another at most

	Shape  bool          // say what the history looks like; without it that costs nothing
	Accept object.Faults // dangerous ones of object.Acceptable that are warned of instead

	// Scratch provides zeroed memory and what gives it back. The survey takes about 40 bytes
	// per object, with Shape 4 more and at most some 90 MB of the heap. Nil takes all from the heap.
	Scratch func(size int64) ([]byte, func(), error)
}

// Survey looks at the objects of one pack. Visit may be called by many workers at once,
// Finish once afterwards, and Close at the end.
type Survey struct {
	o        Options
	table    *table
	people   people
	history  history
	workers  workers
	mu       sync.Mutex
	large    []largeBlob // guarded by mu, as the next three
	pointers pointers
	refused  refused
	huge     map[uint32]int64 // bytes that blobs take in the pack, by number, where the table has no room for it; guarded by mu
	months   months           // guarded by history.mu
	names    folderNames
	tagged   list // files and folders that tags name, each before its tag, by number
}

// Result is what was found.
type Result struct {
	Identities                  []Identity // in the order they were first seen
	Commits, Tags, Trees, Blobs int64
	LargeFiles                  []rehome.LargeFile // largest first
	Pointers                    []lfs.Object       // the Git LFS objects that blobs point to, each id once, sorted by it
	Warnings                    []rehome.Warning   // by kind
	Depth                       int                // how deep trees lie in one another at most, with those known
	Shape                       *rehome.Shape      // of what was not known, within Kept; nil where Options do not ask for it
}

// New returns a survey that has seen nothing.
func New(o Options) *Survey {
	if o.LargeOver == 0 {
		o.LargeOver = defaultLarge
	}
	if o.Peer == "" {
		o.Peer = "source"
	}
	s := &Survey{o: o, table: newTable(o.Format, o.Scratch), huge: map[uint32]int64{}}
	if o.Shape {
		s.table.takeNotes()
	}
	s.history.first.arena, s.history.parents.arena = &s.table.arena, &s.table.arena
	s.pointers.arena, s.tagged.arena = &s.table.arena, &s.table.arena
	s.people = people{peer: o.Peer, tell: o.Identities, known: map[string]int{}}
	return s
}

// slack is how many ids may be named that are not there, before a pack is refused for it: Finish says of a few which
// they are.
const slack = 1 << 12

// Expect says how many objects there will be, with what is known: a pack whose trees name far more than that is refused
// before their ids take memory. It may be called at any time.
func (s *Survey) Expect(objects int64) { s.table.limit.Store(objects + slack) }

// Close gives back scratch memory. It may be called again.
func (s *Survey) Close() { s.table.close() }

// Visit looks at one object; it is a pack.Visit. An object that nobody can read is a *rehome.Error with the code
// corrupt_object; those with faults that could be accepted, and are not, are refused together by Finish.
func (s *Survey) Visit(o *pack.Object) error {
	w := s.workers.get(o.Worker)
	switch o.Type {
	case object.Commit:
		return s.commit(w, o)
	case object.Tag:
		return s.tag(w, o)
	case object.Tree:
		return s.tree(w, o)
	}
	return s.blob(w, o)
}

// blob notes a blob, and that it is large or a Git LFS pointer.
func (s *Survey) blob(w *worker, o *pack.Object) error {
	s.people.contentComes()
	n, again, err := s.table.see(w.bytes(&o.ID), object.Blob, uint32(min(o.Stored, math.MaxUint32)))
	if err != nil || again {
		return s.tooMany(err)
	}
	if s.o.Shape && o.Stored >= math.MaxUint32 {
		s.mu.Lock()
		s.huge[n] = o.Stored
		s.mu.Unlock()
	}
	if o.Size > s.o.LargeOver && !s.knew(o.ID) {
		s.mu.Lock()
		s.large = append(s.large, largeBlob{number: n, size: o.Size})
		s.mu.Unlock()
	}
	if !mayPoint(o.Data) {
		return nil
	}
	to, ok := lfs.ParsePointer(o.Data)
	if !ok || s.knew(o.ID) {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pointers.add(to, n)
}

func (s *Survey) knew(id object.ID) bool { return s.o.Known != nil && s.o.Known(id) }

// warn counts the harmless faults of an object that was not known before.
func (s *Survey) warn(w *worker, o *pack.Object, faults object.Faults) {
	if faults != 0 && !s.knew(o.ID) {
		w.warnings.add(o, faults)
	}
}

// worker is what a caller of Visit keeps to itself.
type worker struct {
	warnings warnings
	seen     cache
	id       [32]byte
	names    map[string]uint32 // of folders, by their number
	files    []int             // marks of new files in the tree at hand that may have a folder for a twin
}

// bytes returns the bytes of an id, valid until the next call.
func (w *worker) bytes(id *object.ID) []byte { return id.AppendTo(w.id[:0]) }

// workers hands out a worker for each number.
type workers struct {
	mu   sync.Mutex
	list atomic.Pointer[[]*worker]
}

func (l *workers) get(n int) *worker {
	if list := l.list.Load(); list != nil && n < len(*list) {
		return (*list)[n]
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var grown []*worker
	if list := l.list.Load(); list != nil {
		grown = append(grown, *list...)
	}
	for len(grown) <= n {
		grown = append(grown, &worker{names: map[string]uint32{}})
	}
	l.list.Store(&grown)
	return grown[n]
}

// all returns every worker there is.
func (l *workers) all() []*worker {
	if list := l.list.Load(); list != nil {
		return *list
	}
	return nil
}

// tooMany makes errTooMany an error for people and passes every other.
func (s *Survey) tooMany(err error) error {
	if !errors.Is(err, errTooMany) {
		return err
	}
	return &rehome.Error{
		Code: rehome.CorruptObject, Err: err,
		Message: fmt.Sprintf("The %[1]s's trees name thousands of objects that the %[1]s lacks.", s.o.Peer),
		Hint:    "Objects are missing there: git fsck names them.",
	}
}

// refuse returns the error for an object with a fault that nobody can accept; name is the tree entry it lies in.
func (s *Survey) refuse(o *pack.Object, f object.Fault, name []byte) error {
	text := fmt.Sprintf("The %s's %s %s has a dangerous fault: %s.", s.o.Peer, o.Type, o.ID, f)
	if name != nil {
		text = fmt.Sprintf("The %s's %s %s has a dangerous fault at the entry \"%s\": %s.", s.o.Peer, o.Type, o.ID, rehome.Clean(string(name), 200), f)
	}
	return &rehome.Error{
		Code: rehome.CorruptObject, Message: text,
		Hint: "Mend the " + s.o.Peer + "'s history (git fsck shows the fault) and try again.",
	}
}
