package survey

import (
	"sync"

	"rehome/internal/git/object"
	"rehome/internal/git/pack"
)

// history is the graph of commits, 4 bytes for each commit and for each parent.
type history struct {
	mu      sync.Mutex // guards what follows
	first   list       // where a commit's parents start, by its number in history
	parents list       // numbers in the table
}

// of returns where in parents those of a commit are.
func (h *history) of(commit uint32) (from, to int) {
	from, to = int(h.first.at(int(commit))), h.parents.n
	if int(commit)+1 < h.first.n {
		to = int(h.first.at(int(commit) + 1))
	}
	return from, to
}

// commit checks a commit and takes down its identities and what it names.
func (s *Survey) commit(w *worker, o *pack.Object) error {
	c, faults := object.ParseCommit(s.o.Format, o.Data)
	if f := faults.Dangerous(); f != object.NoFault {
		return refuse(o, f, nil)
	}
	s.history.mu.Lock()
	defer s.history.mu.Unlock()
	number, again, err := s.table.see(w.bytes(&o.ID), object.Commit, uint32(s.history.first.n))
	if err != nil || again {
		return tooMany(err)
	}
	w.warnings.add(o, faults)
	if err := s.history.first.add(uint32(s.history.parents.n)); err != nil {
		return err
	}
	for id := range c.Parents() {
		parent, err := s.table.want(w.bytes(&id), wantCommit, number)
		if err != nil {
			return tooMany(err)
		}
		if err := s.history.parents.add(parent); err != nil {
			return err
		}
	}
	if _, err := s.table.want(w.bytes(&c.Tree), wantTree, number); err != nil {
		return tooMany(err)
	}
	return s.people.add(&c.Author, &c.Committer)
}

// tag checks a tag and takes down its identity and what it names.
func (s *Survey) tag(w *worker, o *pack.Object) error {
	g, faults := object.ParseTag(s.o.Format, o.Data)
	if f := faults.Dangerous(); f != object.NoFault {
		return refuse(o, f, nil)
	}
	number, again, err := s.table.see(w.bytes(&o.ID), object.Tag, 0)
	if err != nil || again {
		return tooMany(err)
	}
	w.warnings.add(o, faults)
	if _, err := s.table.want(w.bytes(&g.Object), wantOf(g.Type), number); err != nil {
		return tooMany(err)
	}
	return s.people.add(&g.Tagger)
}
