package split

import (
	"context"

	"rehome/internal/compute"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
)

// OnWay reports whether steps that were to bring a new branch to tip may have left it at a commit: that is one of tip's
// first parents, so that nothing is lost when it goes on from there.
func OnWay(ctx context.Context, objects *repo.Objects, at, tip object.ID) (bool, error) {
	if at.IsZero() || !objects.Has(at) {
		return false, nil
	}
	turn := compute.Take()
	defer turn.Give()
	for id := tip; id != at; {
		if turn.Pass(); ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		kind, parents, err := objects.Links(id)
		if err != nil || kind != object.Commit || len(parents) == 0 {
			return false, err
		}
		id = parents[0]
	}
	return true, nil
}
