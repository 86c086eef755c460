package pack

import (
	"errors"
	"fmt"

	"rehome/internal/git/object"
)

// Object is one object in hand while a pack passes. It and the slices it holds are
// valid until the visit returns; Marks stay until the last object made from it was visited,
// unless memory runs short: then they are empty.
type Object struct {
	Type   object.Type
	ID     object.ID
	Size   int64    // inflated, bytes
	Stored int64    // bytes of its entry in its pack
	Data   []byte   // nil for a blob too large to be held
	Delta  []byte   // the delta that made Data out of Base; nil when the object came whole
	Base   *Object  // with Delta; its Data is valid, and what is left of its Marks
	Pos    uint32   // number of the object in its pack, in pack order; history and content are numbered apart
	Root   uint32   // the same for all objects that are made from one whole one in the end
	Worker int      // calls with the same Worker never overlap
	Marks  []uint32 // the visitor's own notes; handed out empty
}

// Visit looks at one object. An error ends the pass and comes back wrapped.
//
// Commits and tags come first, in stream order, with Worker 0 and without Base and Delta.
// Trees and blobs follow in any order, but never before the object they are a delta of.
type Visit func(*Object) error

// Limits bound what a pack may hold. Zero fields take the defaults of DefaultLimits.
type Limits struct {
	Objects     int64 // objects in the pack
	PackBytes   int64 // bytes on the wire
	ObjectBytes int64 // inflated size of a blob that came whole; it is streamed
	HeldBytes   int64 // inflated size of a delta, and of a blob made from one
	TreeBytes   int64 // inflated size of a tree
	CommitBytes int64 // inflated size of a commit or tag
}

// DefaultLimits is far above any honest repository and far below what breaks a machine.
var DefaultLimits = Limits{
	Objects: 100e6, PackBytes: 50 << 30,
	ObjectBytes: 16 << 30, HeldBytes: 2 << 30, TreeBytes: 256 << 20, CommitBytes: 32 << 20,
}

// orDefault fills zero fields from DefaultLimits.
func (l Limits) orDefault() Limits {
	d := DefaultLimits
	for _, f := range []struct{ have, def *int64 }{
		{&l.Objects, &d.Objects},
		{&l.PackBytes, &d.PackBytes},
		{&l.ObjectBytes, &d.ObjectBytes},
		{&l.HeldBytes, &d.HeldBytes},
		{&l.TreeBytes, &d.TreeBytes},
		{&l.CommitBytes, &d.CommitBytes},
	} {
		if *f.have == 0 {
			*f.have = *f.def
		}
	}
	return l
}

// check refuses an object of type t and size bytes that passes a limit. whole says
// that a blob comes by itself, not as a delta, so that it never has to be held.
func (l Limits) check(t object.Type, size int64, whole bool) error {
	switch {
	case t == object.Tree && size > l.TreeBytes:
		return &LimitError{"bytes in a tree", size, l.TreeBytes}
	case (t == object.Commit || t == object.Tag) && size > l.CommitBytes:
		return &LimitError{"bytes in a " + t.String(), size, l.CommitBytes}
	case t == object.Blob && whole && size > l.ObjectBytes:
		return &LimitError{"bytes in a blob", size, l.ObjectBytes}
	case t == object.Blob && !whole && size > l.HeldBytes:
		return &LimitError{"bytes in a blob made from a delta", size, l.HeldBytes}
	}
	return nil
}

// Progress is how far a pack has come.
type Progress struct {
	Objects   int64 // received so far; with Resolving, resolved so far
	Total     int64 // what the pack's header announced
	Commits   int64
	Bytes     int64 // of the pack, received so far
	Resolving bool  // everything has arrived
}

// ErrCorrupt is wrapped by every error that says the bytes are not a valid pack.
var ErrCorrupt = errors.New("corrupt pack")

// What an operator may have more of, as LimitError.What has it.
const (
	WhatObjects = "objects in the pack"
	WhatBytes   = "bytes in the pack"
)

// LimitError says which limit a pack passed.
type LimitError struct {
	What  string // as "objects in the pack"
	Value int64  // what the pack wants
	Limit int64
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s: %d is over the limit of %d", e.What, e.Value, e.Limit)
}

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))
}
