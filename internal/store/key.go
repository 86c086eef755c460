package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
)

// ErrOtherKey says that another key than the one at hand opens what is sealed in the database.
var ErrOtherKey = errors.New("the database's passwords are sealed with another key")

// keyRow is the row of chores that has the fingerprint of the key. It is not in backups: a restored database takes the
// first key that opens what is sealed in it.
const keyRow = "key"

// HasKey reports whether there is a key that opens what is sealed in the database: one was held, or something is sealed.
func (db *DB) HasKey(ctx context.Context) (bool, error) {
	known, err := keyOf(ctx, db.read)
	if err != nil || known != "" {
		return known != "", err
	}
	sealed, err := someSealed(ctx, db.read)
	return len(sealed) > 0, err
}

// HoldKey notes the fingerprint of the key with which this process seals. The first counts, if opens says that the key opens
// some of what is sealed, where anything is; for others it is ErrOtherKey.
func (db *DB) HoldKey(ctx context.Context, fingerprint string, opens func(sealed []byte) bool) error {
	err := db.inTx(ctx, func(t *Tx) error {
		known, err := keyOf(ctx, t.tx)
		if err == nil && known == "" {
			known, err = t.firstKey(ctx, fingerprint, opens)
		}
		if err == nil && known != fingerprint {
			err = ErrOtherKey
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("look whether the key fits: %w", err)
	}
	return nil
}

// firstKey notes a key where none is, and returns which one is noted then.
func (t *Tx) firstKey(ctx context.Context, fingerprint string, opens func([]byte) bool) (known string, err error) {
	sealed, err := someSealed(ctx, t.tx)
	if err != nil {
		return "", err
	}
	if len(sealed) > 0 && !slices.ContainsFunc(sealed, opens) {
		return "", ErrOtherKey
	}
	if _, err := t.tx.ExecContext(ctx, "INSERT INTO chores (name, token) VALUES ($1, $2) ON CONFLICT DO NOTHING", keyRow, fingerprint); err != nil {
		return "", err
	}
	return keyOf(ctx, t.tx)
}

// ReplaceKey notes another key than before, though it opens nothing of what is sealed.
func (db *DB) ReplaceKey(ctx context.Context, fingerprint string) error {
	err := db.inTx(ctx, func(t *Tx) error {
		_, err := t.tx.ExecContext(ctx, "INSERT INTO chores (name, token) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET token = excluded.token", keyRow, fingerprint)
		return err
	})
	if err != nil {
		return fmt.Errorf("note a new key: %w", err)
	}
	return nil
}

// keyOf returns the fingerprint that is noted; "" for none.
func keyOf(ctx context.Context, q queryer) (fingerprint string, err error) {
	err = q.QueryRowContext(ctx, "SELECT token FROM chores WHERE name = $1", keyRow).Scan(&fingerprint)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return fingerprint, err
}

// someSealed returns some of what is sealed, of each kind the newest.
func someSealed(ctx context.Context, q queryer) (all [][]byte, err error) {
	scan := func(r row) (sealed []byte, err error) {
		err = r.Scan(&sealed)
		return sealed, err
	}
	for _, at := range []struct{ table, column, id string }{
		{"imports", "credentials", "id"},
		{"imports", "ssh_key", "id"},
		{"destinations", "credentials", "repository_id"},
		{"destinations", "ssh_key", "repository_id"},
		{"hooks", "secret", "id"},
	} {
		some, err := collect(ctx, q, scan, "SELECT "+at.column+" FROM "+at.table+" WHERE "+at.column+" IS NOT NULL ORDER BY "+at.id+" DESC LIMIT 5")
		if err != nil {
			return nil, fmt.Errorf("look for what is sealed: %w", err)
		}
		all = append(all, some...)
	}
	return all, nil
}
