package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

const (
	// dropAtOnce bounds how many deliveries one transaction forgets: other writers wait for it.
	dropAtOnce = 2000
	// keepDone is how many deliveries of a hook are kept when they are done, the newest.
	keepDone = 1000
)

const (
	doneBefore = "SELECT id FROM deliveries WHERE next_attempt_at = 0 AND created_at < $1 ORDER BY created_at LIMIT $2"

	hooksOfNobody = `SELECT id FROM hooks WHERE repository_id <> 0
		AND NOT EXISTS (SELECT 1 FROM repositories r WHERE r.id = hooks.repository_id) AND ` + idleHook + " LIMIT $1"

	// crowdedHooks counts in two indexes, which takes no row of deliveries.
	crowdedHooks = `SELECT hook_id FROM (SELECT hook_id, count(*) AS n FROM deliveries GROUP BY hook_id HAVING count(*) > $1) AS c
		WHERE n - (SELECT count(*) FROM deliveries d WHERE d.hook_id = c.hook_id AND d.next_attempt_at <> 0) > $1`
	newestGone = "SELECT id FROM deliveries WHERE hook_id = $1 AND next_attempt_at = 0 ORDER BY id DESC LIMIT 1 OFFSET $2"
	doneOfHook = "SELECT id FROM deliveries WHERE hook_id = $1 AND next_attempt_at = 0 AND id <= $2 ORDER BY id LIMIT $3"
)

// DropDeliveries forgets deliveries that are not due any more and are older than age or have a thousand newer ones of the
// same hook, and hooks whose repository is gone and that have none due, with all of theirs. One call forgets at most some
// thousand. It returns how many of both; with 0 there was nothing more.
func (db *DB) DropDeliveries(ctx context.Context, age time.Duration) (int64, error) {
	dropped, err := db.dropOld(ctx, age)
	if err == nil && dropped < dropAtOnce {
		var more int64
		more, err = db.dropCrowd(ctx)
		dropped += more
	}
	if err != nil {
		return 0, fmt.Errorf("drop deliveries: %w", err)
	}
	return dropped, nil
}

// dropOld forgets what is older than age, and hooks of deleted repositories.
func (db *DB) dropOld(ctx context.Context, age time.Duration) (n int64, err error) {
	err = db.inTx(ctx, func(t *Tx) error {
		if err := t.alone(ctx); err != nil {
			return err
		}
		deliveries, err := t.deleted(ctx, "DELETE FROM deliveries WHERE id IN ("+doneBefore+t.skip+")", millis(t.Now.Add(-age)), dropAtOnce)
		if err != nil {
			return err
		}
		hooks, err := t.deleted(ctx, "DELETE FROM hooks WHERE id IN ("+hooksOfNobody+t.skip+")", dropAtOnce/keepDone)
		n = deliveries + hooks
		return err
	})
	return n, err
}

// dropCrowd forgets what hooks have done beyond what is kept of each.
func (db *DB) dropCrowd(ctx context.Context) (n int64, err error) {
	hooks, err := collect(ctx, db.read, scanID, crowdedHooks, keepDone)
	if err != nil {
		return 0, err
	}
	for _, hook := range hooks {
		if n >= dropAtOnce {
			break
		}
		var last int64 // it goes, and all before it
		err := db.read.QueryRowContext(ctx, newestGone, hook, keepDone).Scan(&last)
		if errors.Is(err, sql.ErrNoRows) {
			continue // its hook was deleted meanwhile
		}
		if err != nil {
			return n, err
		}
		err = db.inTx(ctx, func(t *Tx) error {
			gone, err := t.deleted(ctx, "DELETE FROM deliveries WHERE id IN ("+doneOfHook+t.skip+")", hook, last, dropAtOnce-n)
			n += gone
			return err
		})
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// deleted runs a statement and returns how many rows it deleted itself.
func (t *Tx) deleted(ctx context.Context, statement string, args ...any) (int64, error) {
	done, err := t.tx.ExecContext(ctx, statement, args...)
	if err != nil {
		return 0, err
	}
	return done.RowsAffected()
}
