package importer

import (
	"context"
	"errors"

	"rehome"
	"rehome/internal/store"
)

// errDeleted is why the work on a deleted import ends.
var errDeleted = errors.New("the import was deleted")

// Cancel deletes the repository's import, at any status. When it returns nobody can
// see the import any more, its credentials are erased and it pushes nothing more; what
// else runs is told to stop, and its folders go with it. The repository stays. by is the
// owner who asks, of whom webhooks are told, unless the import is complete. NotFound when there is none.
func (m *Importer) Cancel(ctx context.Context, repositoryID, by int64) error {
	return m.end(ctx, repositoryID, by, m.DB.DeleteImport)
}

// DeleteRepository forgets the repository's row. An import that began since Cancel is canceled with it.
// NotFound when there is no such repository.
func (m *Importer) DeleteRepository(ctx context.Context, repositoryID, by int64) error {
	return m.end(ctx, repositoryID, by, m.DB.DeleteRepository)
}

// end has del delete the import, and stops the work on it. del calls before in the transaction that
// deletes it, and returns its id, 0 for none.
func (m *Importer) end(ctx context.Context, repositoryID, by int64,
	del func(ctx context.Context, repositoryID int64, before func(*store.Tx, store.Import) error) (id int64, err error),
) error {
	told := func() {}
	id, err := del(ctx, repositoryID, func(t *store.Tx, i store.Import) (err error) {
		if i.State.Status == rehome.Complete {
			return nil
		}
		told, err = m.Ended(ctx, t, rehome.ImportEnd{ImportID: i.ID, RepositoryID: repositoryID, By: by, Outcome: rehome.Canceled})
		return err
	})
	if err != nil || id == 0 {
		return err
	}
	told()
	m.watched.close(id)
	running := m.interrupt(id)
	pushing, stop := context.WithTimeout(ctx, tidyUpFor)
	defer stop()
	m.pushes.await(pushing, repositoryID)
	if running {
		return nil // its worker cleans up
	}
	// Cleaning up is quick and does not wait in the queue behind long imports. If
	// another process has the lease it will find out when it renews it.
	if err := m.Reconcile(context.WithoutCancel(ctx), id); err != nil {
		m.logOf(ctx, id).WarnContext(ctx, "clean up deleted import", "err", err)
		m.wake(ctx, id)
	}
	return nil
}

// interrupt stops the work on the import if this process does it.
func (m *Importer) interrupt(importID int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	stop, ok := m.running[importID]
	if ok {
		stop(errDeleted)
	}
	return ok
}

// cleanUp removes everything a deleted import left, and ends its watchers: it may have
// been deleted elsewhere, or with its repository.
func (w *worker) cleanUp(ctx context.Context, row *store.Import) error {
	w.watched.close(w.lease.ImportID)
	if err := errors.Join(w.Folder.drop(row.ID), w.tidyShelf(ctx, row)); err != nil {
		return err
	}
	return w.DB.RemoveImport(ctx, w.lease)
}
