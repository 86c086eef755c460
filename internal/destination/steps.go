package destination

import (
	"context"
	"slices"

	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/git/repo"
)

// step is one request: one pack, and the refs it is for.
type step struct {
	updates []repo.Update
	parts   []pack.Part
	has     func(object.ID) bool // what deltas may be made from that do not go out themselves; nil: nothing
}

// plan says what goes in how many requests. In one, where that is small enough for the destination.
func (s *session) plan(ctx context.Context, now State, todo []repo.Update) ([]step, error) {
	switch {
	case len(todo) == 0:
		return nil, nil
	case !slices.ContainsFunc(todo, func(u repo.Update) bool { return !u.New.IsZero() }):
		return []step{{updates: todo}}, nil
	}
	s.shares = slices.ContainsFunc(now.Refs, func(r repo.Ref) bool { return s.objects.Has(r.ID) })
	if s.goesBy == byRefs && s.shares {
		return s.split(ctx, now, todo)
	}
	parts, err := s.parts()
	if err != nil {
		return nil, err
	}
	one := step{todo, parts, s.has()}
	if s.p.Limit == 0 {
		return one.portions(), nil
	}
	out, err := pack.NewOutgoing(ctx, parts, pack.OutgoingOptions{Format: s.p.From.Format(), Has: one.has, Scratch: repo.Scratch(s.p.From.Dir())})
	if err != nil {
		return nil, err
	}
	size := out.Bytes()
	out.Close()
	if size <= s.p.Limit {
		return one.portions(), nil
	}
	return s.split(ctx, now, todo)
}

// together is how many refs go in one request. A forge may run a program for each, and says nothing meanwhile.
const together = 1000

// portions are requests of so many refs each: the first brings the objects for all.
func (s step) portions() (steps []step) {
	for updates := range slices.Chunk(s.updates, together) {
		steps = append(steps, step{updates, s.parts, s.has})
		s.parts = nil
	}
	return steps
}

// portion is how many refs the destination has answered for, of all; all is 0 where they go in one request.
type portion struct{ done, all int64 }

// refsOf is how many refs go in several requests.
func refsOf(plan []step) (all int64) {
	if len(plan) < 2 {
		return 0
	}
	for _, s := range plan {
		all += int64(len(s.updates))
	}
	return all
}

// parts are the entries that the destination lacks, as far as is known.
func (s *session) parts() ([]pack.Part, error) {
	names, err := s.p.From.PackNames()
	if err != nil {
		return nil, err
	}
	if s.goesBy != byMemory {
		return s.objects.Parts(names, nil), nil
	}
	names = slices.DeleteFunc(names, func(name string) bool { return slices.Contains(s.p.Known, name) })
	return s.objects.Parts(names, s.p.Has), nil
}

// leavesOut reports whether anything was not sent because the destination should have it.
func (s *session) leavesOut() bool { return s.goesBy == byMemory || s.goesBy == byRefs && s.shares }
