package importer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
	"rehome/internal/store"
)

// finalRef is a ref as it is to be published.
type finalRef struct {
	name   string
	source object.ID
	final  object.ID
}

// rewrite is the step that turns raw and plan into what is published.
func (w *worker) rewrite(ctx context.Context) error {
	started := w.Clock()
	from, err := w.openRaw(ctx)
	if err != nil || from == nil {
		return err
	}
	if _, err := planned(from); err != nil {
		return err
	}
	return w.advance(ctx, func(_ *store.Tx, i *store.Import) error {
		i.Timing.Rewrite = w.took(started)
		i.Progress.PushPercent = 0
		become(i, rehome.Pushing)
		return nil
	})
}

// planned gives the refs that a plan makes of a raw repository. There is no plan yet
// that changes anything, and one that does not keeps every id.
func planned(from *repo.Repo) ([]finalRef, error) {
	refs, err := from.Refs()
	if err != nil {
		return nil, fmt.Errorf("read raw refs: %w", err)
	}
	return unchanged(refs), nil
}

// unchanged is what a plan that changes nothing makes of refs.
func unchanged(refs []repo.Ref) []finalRef {
	all := make([]finalRef, 0, len(refs))
	for _, r := range refs {
		all = append(all, finalRef{r.Name, r.ID, r.ID})
	}
	return all
}

// openRaw opens the raw repository. When it is gone it returns nil, and the import goes
// back to fetch it again.
func (w *worker) openRaw(ctx context.Context) (*repo.Repo, error) {
	from, err := repo.Open(w.Folder.raw(w.row.ID))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, w.advance(ctx, func(t *store.Tx, i *store.Import) error {
			tryAgain(i, t.Now)
			return nil
		})
	}
	if err != nil {
		return nil, fmt.Errorf("open raw repository: %w", err)
	}
	return from, nil
}
