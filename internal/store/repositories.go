package store

import (
	"context"
	"fmt"
	"time"

	"rehome"
)

const repositoryColumns = ownerColumns +
	", r.id, r.name, r.description, r.private, r.default_branch, r.created_at, r.updated_at, r.pushed_at"

const repositoryTables = " FROM repositories r JOIN owners o ON o.id = r.owner_id "

func scanRepository(row row) (rehome.Repository, error) {
	var r rehome.Repository
	var ownerCreated, created, updated, pushed int64
	err := row.Scan(
		&r.Owner.ID, &r.Owner.Login, &r.Owner.Kind, &r.Owner.Admin, &ownerCreated,
		&r.ID, &r.Name, &r.Description, &r.Private, &r.DefaultBranch, &created, &updated, &pushed)
	r.Owner.CreatedAt = fromMillis(ownerCreated)
	r.CreatedAt, r.UpdatedAt, r.PushedAt = fromMillis(created), fromMillis(updated), fromMillis(pushed)
	return r, err
}

// CreateRepository stores r under r.Owner.ID and returns it whole; rehome.AlreadyExists
// when the owner has one of that name, in any case. An empty default branch is "main".
func (db *DB) CreateRepository(ctx context.Context, r rehome.Repository) (rehome.Repository, error) {
	if r.DefaultBranch == "" {
		r.DefaultBranch = "main"
	}
	err := db.inTx(ctx, func(t *Tx) error {
		err := t.tx.QueryRowContext(ctx, `INSERT INTO repositories
			(owner_id, name, description, private, default_branch, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $6) RETURNING id`,
			r.Owner.ID, r.Name, r.Description, r.Private, r.DefaultBranch, millis(t.Now)).Scan(&r.ID)
		if err != nil {
			return err
		}
		r, err = repositoryByID(ctx, t.tx, r.ID)
		return err
	})
	if isDuplicate(err) {
		return rehome.Repository{}, &rehome.Error{
			Code: rehome.AlreadyExists, Field: "name", Message: "name already exists on this account",
		}
	}
	if err != nil {
		return rehome.Repository{}, fmt.Errorf("create repository: %w", err)
	}
	return r, nil
}

// Repository returns owner/name, both in any case; rehome.NotFound when there is none.
func (db *DB) Repository(ctx context.Context, owner, name string) (rehome.Repository, error) {
	r, err := scanRepository(db.read.QueryRowContext(ctx,
		"SELECT "+repositoryColumns+repositoryTables+"WHERE lower(o.login) = $1 AND lower(r.name) = $2", folded(owner), folded(name)))
	return r, found(err, "repository")
}

// RepositoryByID returns the repository with that id; rehome.NotFound when there is none.
func (db *DB) RepositoryByID(ctx context.Context, id int64) (rehome.Repository, error) {
	r, err := repositoryByID(ctx, db.read, id)
	return r, found(err, "repository")
}

func repositoryByID(ctx context.Context, q queryer, id int64) (rehome.Repository, error) {
	return scanRepository(q.QueryRowContext(ctx, "SELECT "+repositoryColumns+repositoryTables+"WHERE r.id = $1", id))
}

// Repositories returns every repository, by id: what the host's folders are held against.
func (db *DB) Repositories(ctx context.Context) ([]rehome.Repository, error) {
	all, err := collect(ctx, db.read, scanRepository, "SELECT "+repositoryColumns+repositoryTables+"ORDER BY r.id")
	if err != nil {
		return nil, fmt.Errorf("list repositories: %w", err)
	}
	return all, nil
}

// DeleteRepository forgets the repository. Its import, if there is one, is deleted in the same
// transaction, as with DeleteImport, before which is called for it alone; 0 for none. Its hooks
// go, too, but for those with something to deliver yet, which nobody sees any more.
// rehome.NotFound when there is no such repository.
func (db *DB) DeleteRepository(ctx context.Context, id int64, before func(*Tx, Import) error) (importID int64, err error) {
	err = db.inTx(ctx, func(t *Tx) error {
		// Whatever refers to it waits: nothing new comes to what goes.
		if err := t.lockRepository(ctx, id); err != nil {
			return err
		}
		if importID, err = t.deleteImport(ctx, id, before); err != nil {
			return err
		}
		if _, err := t.tx.ExecContext(ctx, "DELETE FROM hooks WHERE repository_id = $1 AND "+idleHook, id); err != nil {
			return err
		}
		return t.tx.QueryRowContext(ctx, "DELETE FROM repositories WHERE id = $1 RETURNING id", id).Scan(&id)
	})
	return importID, found(err, "repository")
}

// Pushed notes that refs of the repository changed at that time. defaultBranch is the
// short name HEAD leads to; "" leaves the one known.
func (db *DB) Pushed(ctx context.Context, id int64, at time.Time, defaultBranch string) error {
	err := db.inTx(ctx, func(t *Tx) error { return t.Pushed(ctx, id, at, defaultBranch) })
	return found(err, "repository")
}

// Pushed is DB.Pushed inside a transaction that changes more.
func (t *Tx) Pushed(ctx context.Context, id int64, at time.Time, defaultBranch string) error {
	return t.tx.QueryRowContext(ctx, `UPDATE repositories SET pushed_at = $2, updated_at = $2,
		default_branch = CASE WHEN $3 = '' THEN default_branch ELSE $3 END WHERE id = $1 RETURNING id`,
		id, millis(at), defaultBranch).Scan(&id)
}
