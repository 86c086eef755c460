package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rehome"
)

// Git LFS objects that no row names any more go in steps, so that whoever adds a row for one again never loses it. docs/decisions/0031
// has the argument.
//
//	sweep   mark what is in the bucket and that no row names; a grace later condemn it, if no row names it still;
//	        remove the bytes; count the removal and forget the mark, in one transaction
//	others  read the count; put the bytes; add a row, which takes the mark away and fails while the object is condemned;
//	        read the count again: if it is another, look whether the bytes are there

// condemnedFor is how long whoever condemned an object may take to remove its bytes. Later he must not: others put them anew.
// It is longer than servers that speak S3 take a signed request for (15 minutes).
const condemnedFor = 20 * time.Minute

// RemoveWithin is how long after CondemnLFS the bytes may be removed. The rest of condemnedFor is for requests under way.
const RemoveWithin = 3 * time.Minute

// removals is the chore whose count says how often bytes may have gone.
const removals = "remove lfs"

// needed says of an oid that a row names it.
func needed(oid string) string {
	return "(EXISTS (SELECT 1 FROM lfs_objects o WHERE o.oid = " + oid + ") OR EXISTS (SELECT 1 FROM lfs_made m WHERE m.oid = " + oid + "))"
}

// MarkLFS marks those of the objects that no row names, and returns how many it had not marked before.
func (db *DB) MarkLFS(ctx context.Context, oids []string) (marked int64, err error) {
	err = db.inTx(ctx, func(t *Tx) error {
		marked, err = t.deleted(ctx, "INSERT INTO lfs_garbage (oid, marked_at) SELECT DISTINCT value, CAST($2 AS BIGINT) FROM "+fmt.Sprintf(t.words, "$1")+
			" WHERE NOT "+needed("value")+" ON CONFLICT DO NOTHING", jsonList(oids), millis(t.Now))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("mark LFS objects: %w", err)
	}
	return marked, nil
}

// Condemned are Git LFS objects whose bytes are to be removed within RemoveWithin.
type Condemned struct {
	OIDs []string
	At   time.Time // by the database's clock; names them in ForgetLFS
}

// CondemnLFS condemns at most limit objects that were marked for grace and that no row names still, and those that somebody
// condemned long ago and did not remove.
func (db *DB) CondemnLFS(ctx context.Context, grace time.Duration, limit int) (c Condemned, err error) {
	err = db.inTx(ctx, func(t *Tx) error {
		c = Condemned{At: t.Now}
		due, err := collect(ctx, t.tx, scanText, `SELECT oid FROM lfs_garbage WHERE marked_at <= $1 AND condemned_at <= $2
			ORDER BY marked_at, oid LIMIT $3`+t.skip,
			millis(t.Now.Add(-grace)), millis(t.Now.Add(-condemnedFor)), limit)
		if err != nil || len(due) == 0 {
			return err
		}
		// By now they are locked: who adds a row for one has done so already, or waits and finds it condemned.
		among := "oid IN (SELECT value FROM " + fmt.Sprintf(t.words, "$1") + ")"
		if _, err := t.tx.ExecContext(ctx, "DELETE FROM lfs_garbage WHERE "+among+" AND "+needed("lfs_garbage.oid"), jsonList(due)); err != nil {
			return err
		}
		c.OIDs, err = collect(ctx, t.tx, scanText, "UPDATE lfs_garbage SET condemned_at = $2 WHERE "+among+" RETURNING oid", jsonList(due), millis(t.Now))
		return err
	})
	if err != nil {
		return Condemned{}, fmt.Errorf("condemn LFS objects: %w", err)
	}
	return c, nil
}

func scanText(r row) (text string, err error) {
	err = r.Scan(&text)
	return text, err
}

// ForgetLFS notes that bytes of condemned objects were removed.
func (db *DB) ForgetLFS(ctx context.Context, c Condemned) error {
	if len(c.OIDs) == 0 {
		return nil
	}
	err := db.inTx(ctx, func(t *Tx) error {
		_, err := t.tx.ExecContext(ctx, "DELETE FROM lfs_garbage WHERE condemned_at = $2 AND oid IN (SELECT value FROM "+fmt.Sprintf(t.words, "$1")+")",
			jsonList(c.OIDs), millis(c.At))
		return errors.Join(err, t.countRemoval(ctx))
	})
	if err != nil {
		return fmt.Errorf("forget LFS objects: %w", err)
	}
	return nil
}

func (t *Tx) countRemoval(ctx context.Context) error {
	_, err := t.tx.ExecContext(ctx, "UPDATE chores SET done = done + 1 WHERE name = $1", removals)
	return err
}

// LFSRemovals returns a count that grows whenever bytes of Git LFS objects were removed. Who puts bytes, or trusts that they are
// there, and then adds a row for them, has to look at them once more if it grew meanwhile.
func (db *DB) LFSRemovals(ctx context.Context) (n int64, err error) {
	if err := db.read.QueryRowContext(ctx, "SELECT done FROM chores WHERE name = $1", removals).Scan(&n); err != nil {
		return 0, fmt.Errorf("count removals of LFS objects: %w", err)
	}
	return n, nil
}

// errCondemned says that bytes of an object are just being removed: a little later it can be put anew.
var errCondemned = &rehome.Error{
	Code: rehome.Unreachable, Message: "A Git LFS object that nobody needed is just being removed from the server's store.", Hint: "Try again in a minute.",
}

// unmark takes the marks of objects away for which a row was added in this transaction; errCondemned when their bytes are just being removed.
func (t *Tx) unmark(ctx context.Context, oids []string) error {
	among := "oid IN (SELECT value FROM " + fmt.Sprintf(t.words, "$1") + ")"
	var marked int
	err := t.tx.QueryRowContext(ctx, "SELECT count(*) FROM lfs_garbage WHERE "+among, jsonList(oids)).Scan(&marked)
	if err != nil || marked == 0 {
		return err
	}
	condemned, err := collect(ctx, t.tx, scanID, "SELECT condemned_at FROM lfs_garbage WHERE "+among+" ORDER BY oid"+t.write, jsonList(oids))
	if err != nil {
		return err
	}
	gone := false
	for _, at := range condemned {
		if at > millis(t.Now.Add(-condemnedFor)) {
			return errCondemned
		}
		gone = gone || at != 0
	}
	if gone {
		if err := t.countRemoval(ctx); err != nil {
			return err
		}
	}
	_, err = t.tx.ExecContext(ctx, "DELETE FROM lfs_garbage WHERE "+among, jsonList(oids))
	return err
}

// SetMadeLFS names the objects that the last rewrite of an import made; those of the one before are not named any more.
func (t *Tx) SetMadeLFS(ctx context.Context, importID int64, objects []LFSObject) error {
	oids := oidsOf(objects)
	_, err := t.tx.ExecContext(ctx, "DELETE FROM lfs_made WHERE import_id = $1", importID)
	if err == nil && len(oids) > 0 {
		_, err = t.tx.ExecContext(ctx, "INSERT INTO lfs_made (import_id, oid) SELECT DISTINCT CAST($1 AS BIGINT), value FROM "+fmt.Sprintf(t.words, "$2"), importID, jsonList(oids))
	}
	if err == nil && len(oids) > 0 {
		err = t.unmark(ctx, oids)
	}
	if err != nil {
		return fmt.Errorf("name LFS objects that were made: %w", err)
	}
	return nil
}

// TakeChore reports whether the caller is the one to do a chore now; nobody else is for every, by the database's clock.
func (db *DB) TakeChore(ctx context.Context, name string, every time.Duration) (ours bool, err error) {
	err = db.inTx(ctx, func(t *Tx) error {
		if _, err := t.tx.ExecContext(ctx, "INSERT INTO chores (name) VALUES ($1) ON CONFLICT DO NOTHING", name); err != nil {
			return err
		}
		n, err := t.deleted(ctx, "UPDATE chores SET due_at = $2 WHERE name = $1 AND due_at <= $3", name, millis(t.Now.Add(every)), millis(t.Now))
		ours = n > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("take the chore %q: %w", name, err)
	}
	return ours, nil
}

// HoldPost gives a post, which one at a time can have, to whoever is called who, or lets that one have it on, for ttl by the database's clock.
// It reports whether that is so: it is not while another has it. A ttl of 0 gives it back.
func (db *DB) HoldPost(ctx context.Context, post, who string, ttl time.Duration) (ours bool, err error) {
	err = db.inTx(ctx, func(t *Tx) error {
		if _, err := t.tx.ExecContext(ctx, "INSERT INTO chores (name) VALUES ($1) ON CONFLICT DO NOTHING", post); err != nil {
			return err
		}
		n, err := t.deleted(ctx, "UPDATE chores SET token = $2, due_at = $3 WHERE name = $1 AND (token = $2 OR due_at <= $4)", post, who, millis(t.Now.Add(ttl)), millis(t.Now))
		ours = n > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("hold the post %q: %w", post, err)
	}
	return ours, nil
}

// tokenChore is the chore whose token names the database.
const tokenChore = "token"

// Token returns a name that this database has for itself, the first that was suggested. A database that is restored from a backup gets another.
func (db *DB) Token(ctx context.Context, suggested string) (token string, err error) {
	const name = tokenChore
	err = db.inTx(ctx, func(t *Tx) error {
		_, err := t.tx.ExecContext(ctx, "INSERT INTO chores (name, token) VALUES ($1, $2) ON CONFLICT DO NOTHING", name, suggested)
		if err != nil {
			return err
		}
		return t.tx.QueryRowContext(ctx, "SELECT token FROM chores WHERE name = $1", name).Scan(&token)
	})
	if err != nil {
		return "", fmt.Errorf("name the database: %w", err)
	}
	return token, nil
}
