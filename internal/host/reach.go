package host

import (
	"context"

	"rehome/internal/git/object"
	"rehome/internal/git/repo"
)

// maxWalk is how many commits are visited for one request. What lies deeper is refused,
// as a tip that moved is: the client asks again with the refs of the moment.
const maxWalk = 2_000_000

// checkReach is a *notOurRef unless every want is the tip of a ref, what such a tag stands
// for, or a commit that tips reach. Tips are all that clients ask for as a rule; a walk
// through history takes memory for each commit, and is made for one client at a time.
func (h *Host) checkReach(ctx context.Context, r *repo.Repo, refs []repo.Ref, wants []object.ID) error {
	missing := map[object.ID]bool{}
	for _, id := range wants {
		missing[id] = true
	}
	for _, ref := range refs {
		delete(missing, ref.ID)
		delete(missing, ref.Peeled)
	}
	if len(missing) == 0 {
		return nil
	}
	objects, err := r.Objects()
	if err != nil {
		return err
	}
	defer objects.Close()
	for id := range missing {
		if t, err := objects.Type(id); err != nil || t != object.Commit {
			return &notOurRef{id.String()}
		}
	}
	if err := h.walks.Acquire(ctx, 1); err != nil {
		return err
	}
	defer h.walks.Release(1)
	return walk(ctx, objects, refs, missing, maxWalk)
}

// walk visits history from the refs and strikes what it meets from missing.
func walk(ctx context.Context, objects *repo.Objects, refs []repo.Ref, missing map[object.ID]bool, most int) error {
	seen := map[object.ID]bool{}
	var next []object.ID
	push := func(id object.ID) {
		if !seen[id] {
			seen[id] = true
			next = append(next, id)
		}
	}
	for _, ref := range refs {
		push(ref.ID)
	}
	for len(next) > 0 && len(missing) > 0 && len(seen) <= most {
		if err := ctx.Err(); err != nil {
			return err
		}
		id := next[len(next)-1]
		next = next[:len(next)-1]
		delete(missing, id)
		_, found, err := objects.Links(id)
		if err != nil {
			return err
		}
		for _, link := range found {
			push(link)
		}
	}
	for id := range missing {
		return &notOurRef{id.String()}
	}
	return nil
}
