package store

import (
	"context"
	"fmt"
	"time"
)

// expires is word for word the condition of the index imports_expire.
const expires = "raw_expires <> 0 AND deleted_at = 0 AND status NOT IN ('detecting', 'importing', 'mapping', 'pushing')"

// KeepRaw has raw repositories of imports at rest kept for so long after their last use; 0 is for good. Those that are due
// already stay so. It returns how many expire at another time than before.
func (db *DB) KeepRaw(ctx context.Context, keep time.Duration) (changed int64, err error) {
	err = db.inTx(ctx, func(t *Tx) error {
		if err := t.alone(ctx); err != nil {
			return err
		}
		const rests = " AND deleted_at = 0 AND status NOT IN ('detecting', 'importing', 'mapping', 'pushing')"
		ms := keep.Milliseconds()
		if ms == 0 {
			changed, err = t.deleted(ctx, "UPDATE imports SET raw_expires = 0 WHERE raw_expires <> 0"+rests)
			return err
		}
		// One that could not be removed in time is tried again later than it expired.
		changed, err = t.deleted(ctx, `UPDATE imports SET raw_expires = raw_used_at + $1
			WHERE raw_used_at <> 0 AND raw_expires <> raw_used_at + $1 AND NOT (raw_expires > $2 AND raw_used_at + $1 <= $2 AND raw_expires <= $3)`+rests,
			ms, millis(t.Now), millis(t.Now.Add(ExpireAgain)))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("set when raw repositories expire: %w", err)
	}
	return changed, nil
}

// ExpireAgain is how long an expired raw repository that could not be removed is left alone.
const ExpireAgain = 10 * time.Minute

// ExpireRaw notes that the raw repository of an import has expired and what is kept instead, if it is still so; then expired
// is true. ErrLeaseLost when the lease does not hold. It does not count as a change of the import.
func (db *DB) ExpireRaw(ctx context.Context, l Lease, final string, bytes int64) (i Import, expired bool, err error) {
	i, err = db.keptOf(ctx, l, func(t *Tx, i *Import) {
		if expired = i.Expired(t.Now); expired {
			i.Kept, i.RawExpiresAt, i.RawBytes = Kept{Final: final, Disk: bytes}, time.Time{}, 0
		}
	})
	return i, expired && err == nil, err
}

// PutOffExpiry has an expired raw repository that could not be removed left alone for ExpireAgain.
func (db *DB) PutOffExpiry(ctx context.Context, l Lease) (Import, error) {
	return db.keptOf(ctx, l, func(t *Tx, i *Import) {
		if i.Expired(t.Now) {
			i.RawExpiresAt = t.Now.Add(ExpireAgain)
		}
	})
}

// Expired reports whether the raw repository was not used for so long that it is to go.
func (i *Import) Expired(now time.Time) bool {
	return !i.Deleted && !i.State.Status.Running() && !i.RawExpiresAt.IsZero() && !i.RawExpiresAt.After(now)
}

// keptOf changes what is kept of an import under its lease.
func (db *DB) keptOf(ctx context.Context, l Lease, change func(*Tx, *Import)) (i Import, err error) {
	err = db.inTx(ctx, func(t *Tx) error {
		if i, err = t.held(ctx, l); err != nil {
			return err
		}
		if i.Deleted {
			return ErrLeaseLost
		}
		change(t, &i)
		return t.writeImport(ctx, &i)
	})
	return i, err
}
