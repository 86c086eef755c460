package store

import (
	"context"
	"fmt"
	"time"

	"rehome"
)

// Lasting says how long sessions last: since they were last seen, and in all.
type Lasting struct {
	Idle, Most time.Duration
	Unseen     bool // this look is not one of a person, and does not put off the end
}

// maxSessions is how many a token keeps; the ones seen longest ago go first.
const maxSessions = 100

// CreateSession stores a session of a token under the SHA-256 of its secret. Sessions of anybody that have ended go with it.
func (db *DB) CreateSession(ctx context.Context, hash [32]byte, tokenID int64, l Lasting) error {
	err := db.inTx(ctx, func(t *Tx) error {
		if _, err := t.tx.ExecContext(ctx, "DELETE FROM sessions WHERE seen_at < $1", millis(t.Now.Add(-l.Idle))); err != nil {
			return err
		}
		if _, err := t.tx.ExecContext(ctx, `DELETE FROM sessions WHERE hash IN (
			SELECT hash FROM sessions WHERE token_id = $1 ORDER BY seen_at DESC, hash LIMIT 1000 OFFSET $2)`, tokenID, maxSessions-1); err != nil {
			return err
		}
		_, err := t.tx.ExecContext(ctx, "INSERT INTO sessions (hash, token_id, created_at, seen_at) VALUES ($1, $2, $3, $3)", hash[:], tokenID, millis(t.Now))
		return err
	})
	if err != nil {
		return fmt.Errorf("create a session: %w", err)
	}
	return nil
}

// seenStep is how exactly it is kept when a session was last seen: not each page is a write.
const seenStep = 5 * time.Minute

// TokenBySession returns the token of a session that lasts, revoked or not, and notes that it was seen, unless it was not;
// rehome.NotFound when there is none. Time is the caller's clock, which does not have to be exact.
func (db *DB) TokenBySession(ctx context.Context, hash [32]byte, now time.Time, l Lasting) (rehome.Token, error) {
	var seen int64
	err := db.read.QueryRowContext(ctx, "SELECT seen_at FROM sessions WHERE hash = $1 AND seen_at >= $2 AND created_at >= $3",
		hash[:], millis(now.Add(-l.Idle)), millis(now.Add(-l.Most))).Scan(&seen)
	if err != nil {
		return rehome.Token{}, found(err, "session")
	}
	t, err := scanToken(db.read.QueryRowContext(ctx, "SELECT "+tokenColumns+tokenTables+"JOIN sessions s ON s.token_id = t.id WHERE s.hash = $1", hash[:]))
	if err != nil || l.Unseen || now.Sub(fromMillis(seen)) < seenStep {
		return t, found(err, "session")
	}
	err = db.inTx(ctx, func(tx *Tx) error {
		_, err := tx.tx.ExecContext(ctx, "UPDATE sessions SET seen_at = $2 WHERE hash = $1 AND seen_at < $2", hash[:], millis(tx.Now))
		return err
	})
	if err != nil {
		return t, fmt.Errorf("note that a session was seen: %w", err)
	}
	return t, nil
}

// DropSession ends a session; one that is not there is fine.
func (db *DB) DropSession(ctx context.Context, hash [32]byte) error {
	err := db.inTx(ctx, func(t *Tx) error {
		_, err := t.tx.ExecContext(ctx, "DELETE FROM sessions WHERE hash = $1", hash[:])
		return err
	})
	if err != nil {
		return fmt.Errorf("end a session: %w", err)
	}
	return nil
}
