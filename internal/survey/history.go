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
		return s.refuse(o, f, nil)
	}
	s.history.mu.Lock()
	defer s.history.mu.Unlock()
	number, again, err := s.table.see(w.bytes(&o.ID), object.Commit, uint32(s.history.first.n))
	if err != nil || again {
		return s.tooMany(err)
	}
	s.warn(w, o, faults)
	if err := s.history.first.add(uint32(s.history.parents.n)); err != nil {
		return err
	}
	for id := range c.Parents() {
		parent, err := s.table.want(w.bytes(&id), wantCommit, number)
		if err != nil {
			return s.tooMany(err)
		}
		if err := s.history.parents.add(parent); err != nil {
			return err
		}
	}
	if _, err := s.table.want(w.bytes(&c.Tree), wantTree, number); err != nil {
		return s.tooMany(err)
	}
	who, err := s.people.add(&c.Author, &c.Committer)
	if err != nil || !s.o.Shape || s.knew(o.ID) {
		return err
	}
	if at, dated := c.Author.Date(o.Data); dated && who >= 0 {
		s.months.add(who, at)
	} else {
		s.months.undated++
	}
	return nil
}

// tag checks a tag and takes down its identity and what it names.
func (s *Survey) tag(w *worker, o *pack.Object) error {
	g, faults := object.ParseTag(s.o.Format, o.Data)
	if f := faults.Dangerous(); f != object.NoFault {
		return s.refuse(o, f, nil)
	}
	number, again, err := s.table.see(w.bytes(&o.ID), object.Tag, 0)
	if err != nil || again {
		return s.tooMany(err)
	}
	s.warn(w, o, faults)
	if err := s.tagNames(w, &g.Object, g.Type, number); err != nil {
		return s.tooMany(err)
	}
	_, err = s.people.add(&g.Tagger)
	return err
}

// tagNames takes down what the tag with a number names. Where that is a file or a folder, whatever else names it
// says better where it is found.
func (s *Survey) tagNames(w *worker, to *object.ID, t object.Type, number uint32) error {
	if t == object.Commit || t == object.Tag {
		_, err := s.table.want(w.bytes(to), wantOf(t), number)
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	named, err := s.table.want(w.bytes(to), wantOf(t), number|late)
	if err != nil {
		return err
	}
	if err := s.tagged.add(named); err != nil {
		return err
	}
	return s.tagged.add(number)
}

// settleTagged makes tags what named an object first, where nothing else did. All objects have passed.
func (s *Survey) settleTagged() {
	for i := 0; i < s.tagged.n; i += 2 {
		s.table.named(s.tagged.at(i), s.tagged.at(i+1))
	}
}
