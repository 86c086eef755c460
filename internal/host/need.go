package host

import (
	"context"
	"slices"

	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/git/repo"
)

// need finds out which superseded packs have what refs reach and no other pack has:
//
//	follow parents and what tags name, from every ref; and trees, where a superseded pack has some
//	what is in the current history pack leads no further: all its parents are in there
//	what only superseded packs have needs one of them, the latest; if all its parents are in there,
//	    too, it leads no further either
//	what nothing has, or what cannot be read, keeps every pack: the repository is broken already
type need struct {
	m       remembered
	objects *repo.Objects
	needed  map[string]bool
	trees   bool // some superseded pack has trees: those of notes are made anew with history
	seen    map[object.ID]bool
	next    []object.ID
}

// lookForNeed calls look with the refs of the moment and a need that has seen the packs from inside. The need
// reads objects until look returns.
func lookForNeed(r *repo.Repo, m remembered, look func(*need, []repo.Ref) error) error {
	refs, err := r.Refs()
	if err != nil {
		return err
	}
	objects, err := r.Objects()
	if err != nil {
		return err
	}
	defer objects.Close()
	s := &need{m: m, objects: objects, needed: map[string]bool{}}
	s.lookInside()
	return look(s, refs)
}

// lookInside lets packs stay that are no history.
func (s *need) lookInside() {
	for _, old := range s.m.Superseded {
		p := s.objects.Pack(old.Pack)
		if p == nil {
			continue
		}
		if pure, err := p.Only(object.Commit, object.Tag); err == nil && pure {
			continue
		}
		s.trees = true
		if content, err := isContent(p); err != nil || content {
			s.needed[old.Pack] = true
		}
	}
}

// isContent reports whether a pack has blobs, or trees alone.
func isContent(p *pack.Pack) (bool, error) {
	alone, err := p.Only(object.Tree)
	if err != nil || alone {
		return alone, err
	}
	history, err := p.Only(object.Commit, object.Tag, object.Tree)
	return !history, err
}

func (s *need) walk(ctx context.Context, refs []repo.Ref) error {
	s.seen = map[object.ID]bool{}
	for _, ref := range refs {
		s.push(ref.ID)
	}
	for len(s.next) > 0 && len(s.needed) < len(s.m.Superseded) {
		if err := ctx.Err(); err != nil {
			return err
		}
		id := s.next[len(s.next)-1]
		s.next = s.next[:len(s.next)-1]
		if s.closed(id) {
			continue
		}
		found, err := s.links(id)
		if err != nil {
			s.all()
		}
		for _, link := range found {
			s.push(link)
		}
	}
	return nil
}

// links returns what an object leads to; blobs and submodules are not looked at.
func (s *need) links(id object.ID) ([]object.ID, error) {
	t, found, err := s.objects.Links(id)
	if err != nil || !s.trees || t != object.Commit && t != object.Tree {
		return found, err
	}
	_, data, err := s.objects.Read(id)
	if err != nil {
		return nil, err
	}
	if t == object.Commit {
		commit, _ := object.ParseCommit(id.Format(), data)
		return append(found, commit.Tree), nil
	}
	for e, err := range object.Entries(id.Format(), data) {
		if err != nil {
			return nil, err
		}
		if e.Mode.IsTree() {
			found = append(found, object.FromBytes(id.Format(), e.ID))
		}
	}
	return found, nil
}

func (s *need) push(id object.ID) {
	if !s.seen[id] && len(s.seen) > maxWalk {
		s.all()
	} else if !s.seen[id] {
		s.seen[id] = true
		s.next = append(s.next, id)
	}
}

// all says that every pack is needed.
func (s *need) all() {
	for _, old := range s.m.Superseded {
		s.needed[old.Pack] = true
	}
}

// closed notes the pack that is needed for an object and reports whether what the object leads to
// is known to be there as well.
func (s *need) closed(id object.ID) bool {
	holders := s.objects.Holders(id)
	if len(holders) == 0 {
		s.all()
		return true
	}
	var kept bool
	for _, name := range holders {
		if name != "" && name == s.m.History {
			return true
		}
		kept = kept || !s.m.has(name)
	}
	if kept {
		return false
	}
	for i := len(s.m.Superseded) - 1; i >= 0; i-- {
		old := s.m.Superseded[i]
		if slices.Contains(holders, old.Pack) {
			s.needed[old.Pack] = true
			return old.Closed
		}
	}
	return false
}
