package survey

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
)

// refusedTree is a tree with a dangerous fault that nobody has accepted.
type refusedTree struct {
	id     object.ID
	number uint32 // in the table
	fault  object.Fault
	entry  string // the name it lies in
}

// refused are such trees. Those with the lowest ids are kept, so that each run names the same.
type refused struct {
	count int64
	kinds object.Faults
	trees []refusedTree
}

// namedTrees is how many refused trees are kept to be named.
const namedTrees = 64

// refuseLater notes a tree: all that is wrong is said at once, by Finish, which knows the paths.
func (s *Survey) refuseLater(t refusedTree) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &s.refused
	r.count++
	r.kinds.Add(t.fault)
	if r.trees = append(r.trees, t); len(r.trees) > 2*namedTrees {
		r.lowest()
	}
}

// lowest drops all trees but those with the lowest ids, and sorts them.
func (r *refused) lowest() {
	slices.SortFunc(r.trees, func(a, b refusedTree) int { return a.id.Compare(b.id) })
	r.trees = slices.CompactFunc(r.trees, func(a, b refusedTree) bool { return a.id == b.id })
	r.trees = r.trees[:min(len(r.trees), namedTrees)]
}

// allAccepted returns the error for trees that are refused, which names the worst, by fault and path, and says how many others
// there are; nil when there are none.
func (s *Survey) allAccepted(ctx context.Context, objs *repo.Objects, refs []repo.Ref, head string) error {
	r := &s.refused
	if r.count == 0 {
		return nil
	}
	r.lowest()
	slices.SortStableFunc(r.trees, func(a, b refusedTree) int { return cmp.Compare(b.fault, a.fault) })
	worst := r.trees[0]
	if objs == nil {
		return s.refusal(worst, worst.entry, "")
	}
	f, err := s.finder(ctx, objs, refs, head)
	if err != nil {
		return err
	}
	at, err := f.where(ctx, worst.number)
	if err != nil {
		return err
	}
	path := string(at.Path)
	if path != "" {
		path += "/"
	}
	return s.refusal(worst, path+worst.entry, at.Ref)
}

// refusal says that a tree is refused for what lies at a path that a ref reaches.
func (s *Survey) refusal(t refusedTree, path, ref string) error {
	code, r := rehome.CorruptObject, &s.refused
	if t.fault.UnsafePath() {
		code = rehome.UnsafePath
	}
	var kinds []string
	for f := range r.kinds.All() {
		kinds = append(kinds, f.String())
	}
	text := fmt.Sprintf("The %s's tree %s has a dangerous fault at \"%s\"", s.o.Peer, t.id, rehome.Clean(path, 500))
	if ref != "" {
		text += fmt.Sprintf(" (%s)", rehome.Clean(ref, 200))
	}
	text += fmt.Sprintf(": %s.", t.fault)
	if r.count > 1 {
		text += fmt.Sprintf(" Other trees have such faults, too: %d (%s).", r.count-1, strings.Join(kinds, ", "))
	}
	return &rehome.Error{
		Code: code, Message: text,
		Hint: fmt.Sprintf("Mend the %s's history and try again, or accept such objects as they are: {allow_faults: %s}.", s.o.Peer, strings.Join(kinds, ",")),
	}
}
