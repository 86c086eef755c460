package destination

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"rehome/internal/destination/split"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
)

// split says what goes in which requests, where it is too large for one or only the refs of the destination say what it has.
func (s *session) split(ctx context.Context, now State, todo []repo.Update) ([]step, error) {
	names, err := s.p.From.PackNames()
	if err != nil {
		return nil, err
	}
	stays, err := s.stays()
	if err != nil {
		return nil, err
	}
	ours, theirs := s.apart(todo)
	planned, err := split.Plan(ctx, split.Request{
		Objects: s.objects, Packs: names, Updates: ours, Head: s.p.Head, Stays: stays, There: now.Refs, Has: s.should(), Limit: s.p.Limit,
		Thick: s.thick, Lacking: s.goesBy == byRefs, Format: s.p.From.Format(), Scratch: repo.Scratch(s.p.From.Dir()),
	})
	if err != nil {
		return nil, err
	}
	var steps []step
	for n, p := range planned {
		if n == 0 {
			p.Updates = slices.Concat(p.Updates, theirs)
		}
		steps = append(steps, step{p.Updates, p.Parts, p.Has}.portions()...)
	}
	return steps, nil
}

// apart tells the updates that name what is here from those that name what only the destination has: they need nothing, and
// keep what others let go.
func (s *session) apart(todo []repo.Update) (ours, theirs []repo.Update) {
	for _, u := range todo {
		if u.New.IsZero() || s.objects.Has(u.New) {
			ours = append(ours, u)
		} else {
			theirs = append(theirs, u)
		}
	}
	return ours, theirs
}

// should reports of objects whether the destination should have them, nil for none.
func (s *session) should() func(id []byte) bool {
	if s.goesBy != byMemory {
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
func (s *session) leftover(now State) (moves []repo.Update, err error) {
	refs := slices.DeleteFunc(slices.Clone(now.Refs), func(r repo.Ref) bool { return !split.Own(r.Name) })
	if len(refs) == 0 {
		return nil, nil
	}
	stays, err := s.stays()
	if err != nil {
		return nil, err
	}
	for _, r := range refs {
		asked := func(u repo.Update) bool { return u.Name == r.Name }
		if !stays(r.Name) && !slices.ContainsFunc(s.p.Updates, asked) && s.objects.Has(r.ID) {
			moves = append(moves, repo.Update{Name: r.Name, Old: r.ID, New: r.ID.Format().Zero()})
		}
	}
	return moves, nil
}

// stays returns what tells refs that are published, and need not move any more, from those that a push in several steps
// makes for itself: what is pushed may come from where another such push was interrupted.
func (s *session) stays() (func(name string) bool, error) {
	refs, err := s.p.From.Refs()
	if err != nil {
		return nil, fmt.Errorf("read what is to be pushed: %w", err)
	}
	published := map[string]bool{}
	for _, r := range refs {
		if split.Own(r.Name) {
			published[r.Name] = true
		}
	}
	return func(name string) bool { return published[name] }, nil
}
