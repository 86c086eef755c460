package survey

import (
	"fmt"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
)

// The marks of a tree, which objects made from it find in Base.Marks: a word that is 1 when
// the tree has harmless faults, where each entry starts, and the length of the tree.
const (
	markClean  = 0
	markFaulty = 1
)

// tree checks a tree and takes down what it names.
func (s *Survey) tree(w *worker, o *pack.Object) error {
	s.people.contentComes()
	number, _, err := s.table.see(w.bytes(&o.ID), object.Tree, 0)
	if err != nil {
		return s.tooMany(err)
	}
	t := treeWalk{survey: s, worker: w, format: s.o.Format, number: number, data: o.Data}
	t.marks = append(o.Marks[:0], markClean)
	if !t.fromBase(o) || t.faults.Dangerous() != object.NoFault {
		t.marks = t.marks[:1]
		t.faults, t.prev, t.prevNew, t.quick = 0, object.TreeEntry{}, false, false
		t.whole()
	}
	o.Marks = append(t.marks, uint32(len(o.Data)))
	if t.err != nil {
		return s.tooMany(t.err)
	}
	if t.long > 0 {
		return s.tooLong(o.ID, t.long)
	}
	if f := (t.faults &^ object.Acceptable).Dangerous(); f != object.NoFault {
		return s.refuse(o, f, t.at)
	}
	if f := (t.faults &^ s.o.Accept).Dangerous(); f != object.NoFault && !s.knew(o.ID) {
		s.refuseLater(refusedTree{id: o.ID, number: number, fault: f, entry: string(t.at)})
	}
	if t.faults != 0 {
		o.Marks[0] = markFaulty
		s.warn(w, o, t.faults)
	}
	return nil
}

// maxName is the most bytes of an entry's name: a whole path has no more on Linux (PATH_MAX), and Git warns from there on.
const maxName = 4096

func (s *Survey) tooLong(tree object.ID, length int) error {
	return &rehome.Error{
		Code:    rehome.LimitPassed,
		Message: fmt.Sprintf("The %s's tree %s has an entry with a name of %d bytes; the limit is %d.", s.o.Peer, tree, length, maxName),
		Hint:    "Rename it in the " + s.o.Peer + "'s history and try again.",
	}
}

// treeWalk goes through the entries of one tree.
type treeWalk struct {
	survey  *Survey
	worker  *worker
	format  object.Format
	number  uint32 // of the tree
	data    []byte
	marks   []uint32
	prev    object.TreeEntry // the entry before the one at hand; no name before the first
	quick   bool             // entries copied from a checked base are passed over
	prevNew bool             // prev is none of those; always false when not quick
	faults  object.Faults
	long    int    // bytes of a name over maxName; 0 for none
	at      []byte // name of the first entry with the worst fault that is not accepted
	err     error
}

// whole looks at every entry.
func (t *treeWalk) whole() {
	for at := 0; at < len(t.data); {
		n := t.entry(at)
		if n == 0 {
			return
		}
		at += n
	}
	if t.faults.Has(object.TreeNotSorted) {
		t.scattered()
	}
}

// entry looks at the entry that starts at at and returns its length, 0 to stop.
func (t *treeWalk) entry(at int) int {
	e, n, err := object.ReadEntry(t.format, t.data[at:])
	if err != nil {
		t.fault(object.BadTree, t.prev.Name)
		return 0
	}
	if len(e.Name) > maxName {
		t.long = len(e.Name)
		return 0
	}
	found := e.Faults()
	found.Add(t.order(&e))
	if found != 0 {
		t.faults |= found
		if f := found.Dangerous(); f != object.NoFault && !t.dangerous(f, e.Name) {
			return 0
		}
	}
	if t.err = t.name(&e); t.err != nil {
		return 0
	}
	t.marks = append(t.marks, uint32(at))
	t.prev, t.prevNew = e, t.quick
	return n
}

// fault adds a dangerous fault that is no entry's own.
func (t *treeWalk) fault(f object.Fault, name []byte) {
	t.dangerous(f, name)
	t.faults.Add(f)
}

// dangerous notes where the worst fault is, before it is added to the others. It reports whether the rest can be read all the same.
func (t *treeWalk) dangerous(f object.Fault, name []byte) bool {
	if readable := object.Acceptable.Has(f); !readable {
		t.at = name
		return false
	}
	if !t.survey.o.Accept.Has(f) && f >= (t.faults&^t.survey.o.Accept).Dangerous() {
		t.at = name
	}
	return true
}

// name takes down the id an entry names. A submodule's commit is another repository's.
func (t *treeWalk) name(e *object.TreeEntry) error {
	want := byte(wantBlob)
	switch {
	case e.Mode.IsTree():
		want = wantTree
	case e.Mode.IsSubmodule():
		return nil
	}
	if !t.worker.seen.fresh(e.ID, want) {
		return nil
	}
	called := uint32(0)
	if want == wantTree && t.survey.o.Shape {
		called = t.survey.names.number(t.worker.names, e.Name)
	}
	_, err := t.survey.table.wantCalled(e.ID, want, t.number, called)
	return err
}

// order compares an entry with the one before it. Names that go on below the slash stand between a
// file and the folder of the same name, so only after one of them a twin is looked for.
func (t *treeWalk) order(e *object.TreeEntry) object.Fault {
	if t.prev.Name == nil {
		return object.NoFault
	}
	switch c := object.CompareEntries(&t.prev, e); {
	case c == 0:
		return object.DuplicateEntries
	case c > 0:
		return object.TreeNotSorted
	}
	if t.prevNew && !t.prev.Mode.IsTree() && object.GoesOnBelowSlash(t.prev.Name, e.Name) {
		t.worker.files = append(t.worker.files, len(t.marks)-1)
	}
	if e.Mode.IsTree() && object.GoesOnBelowSlash(e.Name, t.prev.Name) && t.has(e.Name, object.ModeFile) {
		return object.DuplicateEntries
	}
	return object.NoFault
}

// has reports whether the entries so far hold the name as a folder, or as anything else,
// as mode says. They are sorted.
func (t *treeWalk) has(name []byte, mode object.Mode) bool {
	want := object.TreeEntry{Mode: mode, Name: name}
	low, high := 1, len(t.marks)
	for low < high {
		mid := (low + high) / 2
		e, _, err := object.ReadEntry(t.format, t.data[t.marks[mid]:])
		if err != nil {
			return false
		}
		c := object.CompareEntries(&e, &want)
		if c == 0 && e.Mode.IsTree() == mode.IsTree() {
			return true
		}
		if c < 0 || c == 0 && mode.IsTree() { // the file sorts before the folder
			low = mid + 1
		} else {
			high = mid
		}
	}
	return false
}
