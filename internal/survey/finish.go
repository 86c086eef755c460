package survey

import (
	"bytes"
	"context"
	"fmt"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
)

// maxDepth is how deep folders may lie in one another: Git's own limit (core.maxTreeDepth).
const maxDepth = 2048

// maxTags is how many tags may lie in one another.
const maxTags = 1000

// Finish checks that all that was named is there, in what was seen or else in objs, and returns what was found.
// What is known from before has to be in objs. The refs, and head before all others, say where large files are to be found.
// What is missing, or of another type than named, is a *rehome.Error with the code corrupt_object; one with that code or
// unsafe_path says which trees have dangerous faults that Options do not accept.
// Afterwards there is only Where, and Close.
func (s *Survey) Finish(ctx context.Context, objs *repo.Objects, refs []repo.Ref, head string) (Result, error) {
	s.people.mu.Lock()
	s.people.flush()
	s.people.mu.Unlock()
	s.settleTagged()
	r, err := s.connected(ctx, objs)
	if err != nil {
		return Result{}, err
	}
	for _, ref := range refs {
		if err := s.tip(objs, ref); err != nil {
			return Result{}, err
		}
	}
	if r.Depth, err = s.depth(ctx); err != nil {
		return Result{}, err
	}
	if err := s.allAccepted(ctx, objs, refs, head); err != nil {
		return Result{}, err
	}
	if r.LargeFiles, err = s.largeFiles(ctx, objs, refs, head); err != nil {
		return Result{}, err
	}
	if r.Shape, err = s.shape(ctx); err != nil {
		return Result{}, err
	}
	r.Identities, r.Warnings, r.Pointers = s.people.list, s.warnings(), s.pointers.sort()
	return r, nil
}

// connected counts what is there and looks for what is not.
func (s *Survey) connected(ctx context.Context, objs *repo.Objects) (r Result, err error) {
	var broken known // the lowest of those with an error, so that each run names the same
	n := 0
	s.table.all(func(k known) bool {
		if n++; n&0xffff == 0 && ctx.Err() != nil {
			err = ctx.Err()
			return false
		}
		if k.state&stateType != 0 && !s.knew(s.id(k)) {
			r.count(k)
		}
		if (broken.id == nil || bytes.Compare(k.id, broken.id) < 0) && !s.agrees(objs, k) {
			broken = k
		}
		return true
	})
	if err == nil && broken.id != nil {
		err = s.broken(objs, broken)
	}
	return r, err
}

func (r *Result) count(k known) {
	switch object.Type(k.state & stateType) {
	case object.Commit:
		r.Commits++
	case object.Tag:
		r.Tags++
	case object.Tree:
		r.Trees++
	case object.Blob:
		r.Blobs++
	}
}

// agrees reports whether the object is there with the one type it was named as.
func (s *Survey) agrees(objs *repo.Objects, k known) bool {
	want := k.state & wantAny
	if want == 0 {
		return true
	}
	t := object.Type(k.state & stateType)
	if t == 0 {
		t = s.elsewhere(objs, k)
	}
	return t != 0 && want == wantOf(t)
}

// elsewhere returns the type of an object that was not seen, 0 when it is not there.
func (s *Survey) elsewhere(objs *repo.Objects, k known) object.Type {
	if objs == nil {
		return 0
	}
	t, err := objs.Type(s.id(k))
	if err != nil {
		return 0
	}
	return t
}

func (s *Survey) id(k known) object.ID { return object.FromBytes(s.o.Format, k.id) }

// broken returns the error for an id that does not agree, with what names it.
func (s *Survey) broken(objs *repo.Objects, k known) error {
	t := object.Type(k.state & stateType)
	if t == 0 {
		t = s.elsewhere(objs, k)
	}
	what := "is missing"
	if t != 0 {
		what = "is a " + t.String()
	}
	from, as, ok := s.blame(k, t)
	text := fmt.Sprintf("The object %s, which the %s's history names as a %s, %s.", s.id(k), s.o.Peer, wanted(as), what)
	if ok {
		text = fmt.Sprintf("The object %s, which the %s's %s %s names as a %s, %s.", s.id(k), s.o.Peer, object.Type(from.state&stateType), s.id(from), wanted(as), what)
	}
	return &rehome.Error{Code: rehome.CorruptObject, Message: text, Hint: "Mend the " + s.o.Peer + " (git fsck names what is missing) and try again."}
}

// wanted names the types an id was named as.
func wanted(state byte) string {
	text := ""
	for t := object.Commit; t <= object.Tag; t++ {
		if state&wantOf(t) == 0 {
			continue
		}
		if text != "" {
			text += " and a "
		}
		text += t.String()
	}
	return text
}

// tip checks that what a ref points to is there.
func (s *Survey) tip(objs *repo.Objects, ref repo.Ref) error {
	var b [32]byte
	if k, ok := s.table.find(ref.ID.AppendTo(b[:0])); ok && k.state&stateType != 0 {
		return nil
	}
	if objs != nil && objs.Has(ref.ID) {
		return nil
	}
	return &rehome.Error{
		Code:    rehome.CorruptObject,
		Message: fmt.Sprintf("The object %s, which the %s's ref %s points to, is missing.", ref.ID, s.o.Peer, rehome.Clean(ref.Name, 200)),
		Hint:    "Mend the " + s.o.Peer + " and try again.",
	}
}

// depth returns how deep trees may lie in one another, and refuses those, and tags, that lie too deep: tools that follow them
// recursively break. It goes up from each tree by what named it first. Known trees may lie below any of them.
func (s *Survey) depth(ctx context.Context) (deepest int, err error) {
	trees := depths{table: s.table, of: object.Tree, known: map[uint32]int{}}
	tags := depths{table: s.table, of: object.Tag, known: map[uint32]int{}}
	deepest = s.o.Depth
	n := 0
	s.table.all(func(k known) bool {
		if n++; n&0xffff == 0 && ctx.Err() != nil {
			err = ctx.Err()
			return false
		}
		switch {
		case k.is(object.Tree):
			if deepest = max(deepest, s.o.Depth+trees.above(k)); deepest > maxDepth {
				err = s.tooDeep("folders", maxDepth, k)
			}
		case k.is(object.Tag) && tags.above(k) > maxTags:
			err = s.tooDeep("tags", maxTags, k)
		}
		return err == nil
	})
	return deepest, err
}

func (s *Survey) tooDeep(what string, most int, k known) error {
	return &rehome.Error{
		Code:    rehome.LimitPassed,
		Message: fmt.Sprintf("The %s has %s more than %d deep in one another, down to the %s %s.", s.o.Peer, what, most, object.Type(k.state&stateType), s.id(k)),
	}
}

// depths remembers how deep objects of a type lie in one another, of those at every depthStep-th level.
type depths struct {
	table *table
	of    object.Type
	known map[uint32]int // by number
	path  []uint32
}

const (
	depthStep      = 32
	maxKnownDepths = 1 << 20
)

// above returns how many lie above k, counting k; it does not look further up than it has to.
func (d *depths) above(k known) int {
	d.path = d.path[:0]
	above := 0
	for k.is(d.of) && len(d.path) <= maxDepth {
		if have, ok := d.known[k.number]; ok {
			above = have
			break
		}
		d.path = append(d.path, k.number)
		if k.state&hasRef == 0 {
			break
		}
		k = d.table.get(k.ref)
	}
	if len(d.known) > maxKnownDepths {
		clear(d.known)
	}
	for i, number := range d.path {
		if depth := above + len(d.path) - i; depth%depthStep == 0 {
			d.known[number] = depth
		}
	}
	return above + len(d.path)
}
