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
//	follow parents and what tags name, from every ref; and trees, while it is not known of each
//	    superseded pack that has any whether it is needed
//	what is in a current history or content pack leads no further: all that it leads to is in them
//	what only superseded packs have needs one of them, the latest; if all that it leads to is in there,
//	    too, or in others that came with it and so are needed as well, it leads no further either
//	what nothing has, or what cannot be read, keeps every pack: the repository is broken already
type need struct {
	m       remembered
	objects *repo.Objects
	current []*pack.Pack // of the last publication
	needed  map[string]bool
	trees   bool            // some superseded history has trees: those of notes are made anew with it
	content map[string]bool // superseded packs of trees and blobs
	enough  int             // a walk ends when so many packs are needed
	read    int             // trees
	seen    map[object.ID]bool
	next    []object.ID
}

// maxTrees is how many trees are read for one look, while newcomers wait: half a minute's worth. Only
// what somebody pushed is read as a rule.
const maxTrees = 250_000

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
	s := &need{m: m, objects: objects, needed: map[string]bool{}, content: map[string]bool{}, enough: len(m.Superseded)}
	s.current = slices.Concat(s.open(m.History), s.open(m.Content))
	s.lookInside()
	return look(s, refs)
}

// lookInside tells content from history. Content that is only suspected stays.
func (s *need) lookInside() {
	for _, old := range s.m.Superseded {
		p := s.objects.Pack(old.Pack)
		if p == nil {
			continue
		}
		if pure, err := p.Only(object.Commit, object.Tag); err == nil && pure {
			continue
		}
		content, err := isContent(p)
		switch {
		case err != nil || content && old.Suspect:
			s.needed[old.Pack] = true
		case content:
			s.content[old.Pack] = true
		default:
			s.trees = true
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
	s.seen, s.next = map[object.ID]bool{}, s.next[:0]
	for _, ref := range refs {
		s.push(ref.ID)
	}
	for len(s.next) > 0 && len(s.needed) < s.enough {
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

// links returns what an object leads to, without submodules. Content is left out when nothing depends on it.
func (s *need) links(id object.ID) (found []object.ID, err error) {
	undecided := s.undecided()
	trees := s.trees || undecided
	t, err := s.objects.Type(id)
	if err != nil || t == object.Blob || t == object.Tree && !trees {
		return nil, err
	}
	_, data, err := s.objects.Read(id)
	if err != nil {
		return nil, err
	}
	switch t {
	case object.Tag:
		tag, _ := object.ParseTag(id.Format(), data)
		return []object.ID{tag.Object}, nil
	case object.Commit:
		commit, _ := object.ParseCommit(id.Format(), data)
		if found = slices.Collect(commit.Parents()); trees {
			found = append(found, commit.Tree)
		}
		return found, nil
	}
	if s.read++; s.read > maxTrees {
		s.all()
		return nil, nil
	}
	for e, err := range object.Entries(id.Format(), data) {
		if err != nil {
			return nil, err
		}
		if e.Mode.IsTree() || undecided && !e.Mode.IsSubmodule() {
			found = append(found, object.FromBytes(id.Format(), e.ID))
		}
	}
	return found, nil
}

// undecided reports whether some superseded content is not needed so far.
func (s *need) undecided() bool {
	for name := range s.content {
		if !s.needed[name] {
			return true
		}
	}
	return false
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
	if s.isCurrent(id) {
		return true
	}
	holders := s.objects.Holders(id)
	if len(holders) == 0 {
		s.all()
		return true
	}
	for _, name := range holders {
		if !s.m.has(name) {
			return false
		}
	}
	for i := len(s.m.Superseded) - 1; i >= 0; i-- {
		old := s.m.Superseded[i]
		if slices.Contains(holders, old.Pack) {
			s.needed[old.Pack] = true
			for _, with := range old.With {
				if s.m.has(with) {
					s.needed[with] = true
				}
			}
			return old.Closed && (s.content[old.Pack] || !s.undecided())
		}
	}
	return false
}

// open returns the packs of those names, none where one is gone: then what they lead to may be, too.
func (s *need) open(names packNames) (packs []*pack.Pack) {
	for _, name := range names {
		p := s.objects.Pack(name)
		if p == nil {
			return nil
		}
		packs = append(packs, p)
	}
	return packs
}

// isCurrent reports whether a pack of the last publication has an object.
func (s *need) isCurrent(id object.ID) bool {
	for _, p := range s.current {
		if _, ok := p.Index.Find(id); ok {
			return true
		}
	}
	return false
}
