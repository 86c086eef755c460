package store

import (
	"context"

	"rehome"
)

// Repository is DB.RepositoryByID inside a transaction.
func (t *Tx) Repository(ctx context.Context, id int64) (rehome.Repository, error) {
	r, err := repositoryByID(ctx, t.tx, id)
	return r, found(err, "repository")
}

// Owner is DB.OwnerByID inside a transaction.
func (t *Tx) Owner(ctx context.Context, id int64) (rehome.Owner, error) {
	return ownerByID(ctx, t.tx, id)
}

// OwnerByID returns the owner with that id; rehome.NotFound when there is none.
func (db *DB) OwnerByID(ctx context.Context, id int64) (rehome.Owner, error) {
	return ownerByID(ctx, db.read, id)
}

func ownerByID(ctx context.Context, q queryer, id int64) (rehome.Owner, error) {
	o, err := scanOwner(q.QueryRowContext(ctx, "SELECT "+ownerColumns+" FROM owners o WHERE o.id = $1", id))
	return o, found(err, "owner")
}
