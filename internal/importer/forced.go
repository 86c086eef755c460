package importer

import (
	"context"
	"fmt"

	"rehome"
	"rehome/internal/compute"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/git/repo"
	"rehome/internal/store"
)

// reasonForced stands in the receipt beside a ref that was left where it is.
const reasonForced = "forced at the source since the last import: it stays as it was, for nothing is taken away without being asked; --prune (prune) has it follow"

// withoutForced takes out the refs that an import which completed before wrote, and that
// do not lead on from there: somebody forced them at the source, and following them would
// take commits away. What counts are the ids of the source, which a map does not change.
func withoutForced(ctx context.Context, raw *repo.Repo, final []finalRef, wrote map[string]store.WrittenRef) (follow, forced []finalRef, err error) {
	objects, err := raw.Objects()
	if err != nil {
		return nil, nil, fmt.Errorf("open raw repository: %w", err)
	}
	defer objects.Close()
	for _, f := range final {
		onward, err := leadsOn(ctx, objects, f.source, wrote[f.name].Source)
		if err != nil {
			return nil, nil, err
		}
		if onward {
			follow = append(follow, f)
			continue
		}
		forced = append(forced, f)
	}
	return follow, forced, nil
}

// skipForced lists refs that were left where they are.
func skipForced(forced []finalRef) (skipped []rehome.SkippedRef) {
	for _, f := range forced {
		skipped = append(skipped, rehome.NewSkippedRef(f.name, id(f.source), reasonForced))
	}
	return skipped
}

// leadsOn reports whether a ref may go to next from what stood for it last, "" for nothing.
func leadsOn(ctx context.Context, objects *repo.Objects, next object.ID, last string) (bool, error) {
	if last == "" || last == next.String() {
		return true, nil
	}
	old, err := object.ParseID(last)
	if err != nil {
		return false, fmt.Errorf("what was written last: %w", err)
	}
	if !objects.Has(old) {
		return false, nil
	}
	return reaches(ctx, objects, next, old)
}

// reaches walks the commits from tip on, breadth first, until it meets old. Tags and
// other objects reach nothing but themselves.
func reaches(ctx context.Context, objects *repo.Objects, tip, old object.ID) (bool, error) {
	turn := compute.Take()
	defer turn.Give()
	seen := map[object.ID]struct{}{tip: {}}
	for row := []object.ID{tip}; len(row) > 0; {
		var next []object.ID
		for _, id := range row {
			turn.Pass()
			if id == old {
				return true, nil
			}
			t, links, err := objects.Links(id)
			if err != nil {
				return false, err
			}
			if t != object.Commit {
				continue
			}
			for _, p := range links {
				if _, again := seen[p]; !again {
					seen[p] = struct{}{}
					next = append(next, p)
				}
			}
		}
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		row = next
	}
	return false, nil
}

// onwardIn returns what finds out whether one commit of a repository leads on from another. close gives back what that
// opened.
func onwardIn(ctx context.Context, from *repo.Repo) (onward func(tip, at object.ID) (bool, error), closeIt func()) {
	var objects *repo.Objects
	onward = func(tip, at object.ID) (yes bool, err error) {
		if objects == nil {
			if objects, err = from.Objects(); err != nil {
				return false, fmt.Errorf("open what is to be pushed: %w", err)
			}
		}
		if at.Format() != from.Format() || !objects.Has(at) {
			return false, nil
		}
		err = pack.Guard(func() (err error) {
			yes, err = reaches(ctx, objects, tip, at)
			return err
		})
		return yes, err
	}
	return onward, func() {
		if objects != nil {
			objects.Close()
		}
	}
}
