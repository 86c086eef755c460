package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// lockRepository keeps others from changing the repository, or its import, until the transaction ends. rehome.NotFound
// when there is none.
func (t *Tx) lockRepository(ctx context.Context, id int64) error {
	return found(t.lockID(ctx, "SELECT id FROM repositories WHERE id = $1", id), "repository")
}

// lockOwner keeps the number of the owner's imports as it is until the transaction ends; sql.ErrNoRows when there is no
// such owner.
func (t *Tx) lockOwner(ctx context.Context, id int64) error {
	return t.lockID(ctx, "SELECT id FROM owners WHERE id = $1", id)
}

func (t *Tx) lockID(ctx context.Context, query string, id int64) error {
	return t.tx.QueryRowContext(ctx, query+t.write, id).Scan(&id)
}

// importOf locks the repository's import and reads it; sql.ErrNoRows when it has none.
func (t *Tx) importOf(ctx context.Context, repositoryID int64) (Import, error) {
	if err := t.orGone(t.lockID(ctx, "SELECT id FROM repositories WHERE id = $1", repositoryID)); err != nil {
		return Import{}, err
	}
	return t.importWhere(ctx, "i.repository_id = $1 AND i.deleted_at = 0", repositoryID)
}

// importByID is importOf for an import's id, deleted or not.
func (t *Tx) importByID(ctx context.Context, id int64) (Import, error) {
	if t.write != "" {
		of := "SELECT id FROM repositories WHERE id = (SELECT repository_id FROM imports WHERE id = $1)"
		if err := t.orGone(t.lockID(ctx, of, id)); err != nil {
			return Import{}, err
		}
	}
	return t.importWhere(ctx, "i.id = $1", id)
}

// orGone takes what is not there for locked: a deleted import outlives its repository.
func (t *Tx) orGone(err error) error {
	if err == nil || errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return fmt.Errorf("lock: %w", err)
}

func (t *Tx) importWhere(ctx context.Context, where string, args ...any) (Import, error) {
	return importWhere(ctx, t.tx, where+lockOf(t.write, "i"), args...)
}
