package survey

import (
	"context"
	"fmt"

	"rehome/internal/git/object"
	"rehome/internal/git/repo"
)

// reached holds the first ref that reaches an object: commits by their children, other objects
// only where a ref points to them or to a tag of them.
type reached struct {
	commits list              // by number in history: the ref, plus one
	others  map[uint32]uint32 // by number in the table
	todo    list              // commits whose parents were not looked at yet
}

// by returns the number of the ref that reaches k.
func (r *reached) by(k known) (ref int, ok bool) {
	n := r.others[k.number]
	if k.is(object.Commit) {
		n = r.commits.at(int(k.ref))
	}
	return int(n) - 1, n > 0
}

// mark notes that a ref reaches k and reports whether it is the first.
func (r *reached) mark(k known, ref int) (first bool, err error) {
	if _, ok := r.by(k); ok {
		return false, nil
	}
	if k.is(object.Commit) {
		r.commits.set(int(k.ref), uint32(ref)+1)
		return true, r.todo.add(k.ref)
	}
	r.others[k.number] = uint32(ref) + 1
	return true, nil
}

// reach follows each ref in turn as far as those before it did not come.
func (s *Survey) reach(ctx context.Context, objs *repo.Objects, refs []repo.Ref) (reached, error) {
	r := reached{commits: list{arena: &s.table.arena}, others: map[uint32]uint32{}, todo: list{arena: &s.table.arena}}
	for range s.history.first.n {
		if err := r.commits.add(0); err != nil {
			return r, err
		}
	}
	for i, ref := range refs {
		if err := s.tips(ctx, objs, &r, ref.ID, i); err != nil {
			return r, err
		}
		for n := 0; r.todo.n > 0; n++ {
			if n&0xffff == 0 && ctx.Err() != nil {
				return r, ctx.Err()
			}
			from, to := s.history.of(r.todo.pop())
			for ; from < to; from++ {
				if _, err := r.mark(s.table.get(s.history.parents.at(from)), i); err != nil {
					return r, err
				}
			}
		}
	}
	return r, nil
}

// tips marks the object a ref points to and, for a tag, what it names in turn.
func (s *Survey) tips(ctx context.Context, objs *repo.Objects, r *reached, id object.ID, ref int) error {
	for {
		var b [32]byte
		k, ok := s.table.find(id.AppendTo(b[:0]))
		if !ok || ctx.Err() != nil {
			return ctx.Err()
		}
		first, err := r.mark(k, ref)
		if err != nil || !first || !k.is(object.Tag) {
			return err
		}
		_, data, err := objs.Read(id)
		if err != nil {
			return fmt.Errorf("find a path: %w", err)
		}
		g, faults := object.ParseTag(s.o.Format, data)
		if faults.Dangerous() != object.NoFault {
			return nil
		}
		id = g.Object
	}
}
