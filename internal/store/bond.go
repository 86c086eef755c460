package store

import (
	"context"
	"fmt"
)

// Bond is what ties a database to its bucket. Package claim says what it is for. A database that is restored from a backup has none.
type Bond struct {
	Token  string // the name that the database has for itself, and that its bucket bears; "" before there is one
	Bucket string // where the bucket was last, in words without secrets; "" while that is unknown
}

// bucketChore is the chore in whose token a database remembers its bucket.
const bucketChore = "bucket"

// Bond returns what the database knows of itself and its bucket. It makes nothing: see Token.
func (db *DB) Bond(ctx context.Context) (b Bond, err error) {
	_, err = collect(ctx, db.read, func(r row) (struct{}, error) {
		var name, token string
		err := r.Scan(&name, &token)
		switch name {
		case tokenChore:
			b.Token = token
		case bucketChore:
			b.Bucket = token
		}
		return struct{}{}, err
	}, "SELECT name, token FROM chores WHERE name IN ($1, $2)", tokenChore, bucketChore)
	if err != nil {
		return Bond{}, fmt.Errorf("ask the database for its bucket: %w", err)
	}
	return b, nil
}

// SetBucket has the database remember where its bucket is.
func (db *DB) SetBucket(ctx context.Context, name string) error {
	err := db.inTx(ctx, func(t *Tx) error {
		_, err := t.tx.ExecContext(ctx, "INSERT INTO chores (name, token) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET token = excluded.token", bucketChore, name)
		return err
	})
	if err != nil {
		return fmt.Errorf("note where the bucket is: %w", err)
	}
	return nil
}

// InBucket returns at most limit of what rows name in the bucket: of each kind, keys of what imports keep there, the newest
// first, and Git LFS objects.
func (db *DB) InBucket(ctx context.Context, limit int) (keys, oids []string, err error) {
	keys, err = collect(ctx, db.read, scanText, "SELECT raw_key FROM imports WHERE deleted_at = 0 AND raw_key <> '' ORDER BY id DESC LIMIT $1", limit)
	if err == nil {
		oids, err = collect(ctx, db.read, scanText, "SELECT oid FROM lfs_objects LIMIT $1", limit)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("ask the database what is in its bucket: %w", err)
	}
	return keys, oids, nil
}
