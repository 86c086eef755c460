package destination

import (
	"context"
	"slices"
	"strings"

	"rehome/internal/destination/split"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
)

// split says what goes in several requests.
func (s *session) split(ctx context.Context, now State, todo []repo.Update) ([]step, error) {
	names, err := s.p.From.PackNames()
	if err != nil {
		return nil, err
	}
	planned, err := split.Plan(ctx, split.Request{
		Objects: s.objects, Packs: names, Updates: todo, Head: s.p.Head, There: now.Refs, Has: s.should(), Limit: s.p.Limit,
		Format: s.p.From.Format(), Scratch: repo.Scratch(s.p.From.Dir()),
	})
	if err != nil {
		return nil, err
	}
	var steps []step
	for _, p := range planned {
		steps = append(steps, step{p.Updates, p.Parts, p.Has})
	}
	return steps, nil
}

// should reports of objects whether the destination should have them, nil for none.
func (s *session) should() func(id []byte) bool {
	if !s.leavesOut() {
		return nil
	}
	known := s.objects.Parts(s.p.Known, nil)
	return func(id []byte) bool {
		if s.p.Has != nil && s.p.Has(id) {
			return true
		}
		for _, p := range known {
			if _, ok := p.Pack.Index.Find(object.FromBytes(s.p.From.Format(), id)); ok {
				return true
			}
		}
		return false
	}
}

// begun reports whether an interrupted push in several steps may have put a branch where it is. From there it moves
// forward only, whoever put it there.
func (s *session) begun(ctx context.Context, u repo.Update, is object.ID) (bool, error) {
	if s.p.Limit == 0 || u.New.IsZero() || !strings.HasPrefix(u.Name, "refs/heads/") {
		return false, nil
	}
	return split.OnWay(ctx, s.objects, is, u.New)
}

// leftover deletes the refs that an interrupted push in several steps has made for itself.
func (s *session) leftover(now State) (moves []repo.Update) {
	for _, r := range now.Refs {
		asked := func(u repo.Update) bool { return u.Name == r.Name }
		if split.Own(r.Name) && !slices.ContainsFunc(s.p.Updates, asked) && s.objects.Has(r.ID) {
			moves = append(moves, repo.Update{Name: r.Name, Old: r.ID, New: r.ID.Format().Zero()})
		}
	}
	return moves
}
