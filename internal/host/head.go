package host

import (
	"context"
	"fmt"

	"rehome"
	"rehome/internal/git/repo"
)

// SetBranch makes HEAD name a branch, by its short name; rehome.Invalid when there is none of that name.
func (h *Host) SetBranch(ctx context.Context, repoID int64, branch string) error {
	err := h.use(ctx, repoID, func(_ context.Context, e *entry, r *repo.Repo) error {
		refs, err := r.Refs()
		if err != nil {
			return err
		}
		name := "refs/heads/" + branch
		if !hasRef(refs, name) {
			return &rehome.Error{
				Code: rehome.Invalid, Field: "default_branch",
				Message: fmt.Sprintf("The branch %q does not exist.", rehome.Clean(branch, 100)),
			}
		}
		return e.setHead(r, name)
	})
	if err != nil {
		return fmt.Errorf("set HEAD of repository %d: %w", repoID, err)
	}
	return nil
}
