package survey

import (
	"sync"

	"rehome/internal/git/object"
	"rehome/internal/git/pack"
)

// history is the graph of commits by number, 8 bytes for each commit and 4 for each parent.
type history struct {
	mu      sync.Mutex // guards what follows
	numbers []uint32   // of each commit, in the table
	first   []uint32   // where a commit's parents start
	parents []uint32   // numbers in the table
}

// of returns the parents of a commit, as numbers in the table.
func (h *history) of(commit uint32) []uint32 {
	end := len(h.parents)
	if int(commit)+1 < len(h.first) {
		end = int(h.first[commit+1])
	}
	return h.parents[h.first[commit]:end]
}

// commit checks a commit and takes down its identities and what it names.
func (s *Survey) commit(w *worker, o *pack.Object) error {
	c, faults := object.ParseCommit(s.o.Format, o.Data)
	if f := faults.Dangerous(); f != object.NoFault {
		return refuse(o, f, nil)
	}
	s.history.mu.Lock()
	defer s.history.mu.Unlock()
	number, again, err := s.table.see(w.bytes(&o.ID), object.Commit, uint32(len(s.history.numbers)))
	if err != nil || again {
		return tooMany(err)
	}
	w.warnings.add(o, faults)
	s.history.numbers = append(s.history.numbers, number)
	s.history.first = append(s.history.first, uint32(len(s.history.parents)))
	for id := range c.Parents() {
		parent, err := s.table.want(w.bytes(&id), wantCommit, number)
		if err != nil {
			return tooMany(err)
		}
		s.history.parents = append(s.history.parents, parent)
	}
	if _, err := s.table.want(w.bytes(&c.Tree), wantTree, number); err != nil {
		return tooMany(err)
	}
	s.people.add(&c.Author, &c.Committer)
	return nil
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
	s.people.add(&g.Tagger)
	return nil
}
