package importer

import (
	"strings"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
	"rehome/internal/store"
)

// comparison holds what is to be against what is there.
type comparison struct {
	final      []finalRef
	at         situation
	divergence rehome.Divergence
	fresh      bool                                  // nothing is known of what was pushed there before
	onward     func(tip, at object.ID) (bool, error) // tip, which is here, leads on from at

	left    map[string]bool     // refs that are left to somebody else, by name
	theirs  []overwritten       // of somebody else
	ahead   []string            // those of them that need not move, by name
	skipped []rehome.SkippedRef // those of them that should have moved
}

// overwritten is a ref as it is there, and what it becomes.
type overwritten struct {
	repo.Ref
	becomes object.ID
}

// updates says what has to move. A ref may only move if it is what we wrote, or may have written, last, or if nothing is
// lost when it goes on from there; if somebody else made it so, the divergence decides. One that somebody else moved on
// from where it still belongs is left alone, and so is one that is not to be published and was never ours.
func (c *comparison) updates() (updates []repo.Update, err error) {
	there := byName(c.at.have)
	c.left = map[string]bool{}
	for _, f := range c.final {
		now, exists := there[f.name]
		last := c.at.wrote[f.name]
		switch {
		case exists && now.ID == f.final:
		case f.removed && (!exists || last.Wrote == "" && last.Unproven() == ""):
		case !exists || isOurs(now, last):
			updates = append(updates, repo.Update{Name: f.name, Old: now.ID, New: f.final})
		default:
			moves, err := c.diverged(f, now, last)
			if err != nil {
				return nil, err
			}
			if moves {
				updates = append(updates, repo.Update{Name: f.name, Old: now.ID, New: f.final})
			}
		}
	}
	return updates, nil
}

// diverged decides what becomes of a ref that is neither what it shall be nor what we made of it last.
func (c *comparison) diverged(f finalRef, now repo.Ref, last store.WrittenRef) (moves bool, err error) {
	stays := f.final.String() == last.Wrote
	if !stays || c.divergence == rehome.Overwrite {
		if forward, err := c.forward(f, now); err != nil || forward {
			return forward, err
		}
	}
	switch {
	case c.divergence == rehome.Overwrite:
		c.theirs = append(c.theirs, overwritten{now, f.final})
		return true, nil
	case stays:
		c.left[f.name] = true
		c.ahead = append(c.ahead, f.name)
	case c.divergence == rehome.Skip:
		c.left[f.name] = true
		c.skipped = append(c.skipped, rehome.NewSkippedRef(f.name, id(f.source), reasonMoved))
	default:
		if c.fresh {
			return false, unrelated(f.name)
		}
		return false, moved(f.name, last.Wrote)
	}
	return false, nil
}

// forward reports whether a ref goes on to what it shall be as a branch does that somebody commits to. A tag never does:
// it stands for the one thing that it was given to.
func (c *comparison) forward(f finalRef, now repo.Ref) (bool, error) {
	if f.removed || strings.HasPrefix(f.name, "refs/tags/") {
		return false, nil
	}
	return c.onward(f.final, now.ID)
}

// reasonMoved stands in the receipt beside a ref that was left to somebody else.
const reasonMoved = "made or moved by somebody else at the destination: it stays as it is there, as chosen"

// byName finds refs by their names.
func byName(refs []repo.Ref) map[string]repo.Ref {
	found := make(map[string]repo.Ref, len(refs))
	for _, r := range refs {
		found[r.Name] = r
	}
	return found
}
