package importer

import (
	"rehome"
	"rehome/internal/git/repo"
)

// comparison holds what is to be against what is there.
type comparison struct {
	final      []finalRef
	at         situation
	divergence rehome.Divergence

	left    map[string]bool     // refs that are left to somebody else, by name
	theirs  []repo.Ref          // of somebody else, which are overwritten
	ahead   []string            // those of them that need not move, by name
	skipped []rehome.SkippedRef // those of them that should have moved
}

// updates says what has to move. A ref may only move if it is what we wrote, or may have written, last; if somebody
// else made it so, the divergence decides. One that somebody else moved on from where it still belongs is left alone,
// and so is one that is not to be published and was never ours.
func (c *comparison) updates() (updates []repo.Update, err error) {
	there := byName(c.at.have)
	c.left = map[string]bool{}
	for _, f := range c.final {
		now, exists := there[f.name]
		last := c.at.wrote[f.name]
		switch {
		case exists && now.ID == f.final:
		case f.removed && (!exists || last.Wrote == "" && last.Writing == ""):
		case !exists || isOurs(now, last) || c.divergence == rehome.Overwrite:
			if exists && !isOurs(now, last) {
				c.theirs = append(c.theirs, now)
			}
			updates = append(updates, repo.Update{Name: f.name, Old: now.ID, New: f.final})
		case f.final.String() == last.Wrote:
			c.left[f.name] = true
			c.ahead = append(c.ahead, f.name)
		case c.divergence == rehome.Skip:
			c.left[f.name] = true
			c.skipped = append(c.skipped, rehome.NewSkippedRef(f.name, id(f.source), reasonMoved))
		default:
			return nil, moved(f.name, last.Wrote)
		}
	}
	return updates, nil
}

// reasonMoved stands in the receipt beside a ref that was left to somebody else.
const reasonMoved = "made or moved by somebody else at the destination: it stays as it is there (on_divergence: skip)"

// byName finds refs by their names.
func byName(refs []repo.Ref) map[string]repo.Ref {
	found := make(map[string]repo.Ref, len(refs))
	for _, r := range refs {
		found[r.Name] = r
	}
	return found
}
