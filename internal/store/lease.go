package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Lease is the right to work on an import. The fence grows with each lease, so that
// a holder that was thought dead cannot write after its successor began.
type Lease struct {
	ImportID int64
	Owner    string // who holds it: folder/process
	Fence    int64
	Taken    bool  // from a holder who did not give it back and may not know yet
	Apart    int64 // the fence of the last lease of the import that was Taken, this one or one before; 0 for none
}

// ErrLeaseLost says that the lease has ended: somebody else may hold the import now, or
// it was deleted. The holder has to stop.
var ErrLeaseLost = errors.New("lease lost")

// Held reports whether a worker has the import, or had it when its process died without a word.
func (i *Import) Held() bool { return i.lease.Owner != "" }

// Acquire takes the lease of a due import for ttl by the database's clock. ok is false
// when it is not due: somebody else holds it, it wants nothing now, it is gone, or its
// user has as many running as Limits allow.
func (db *DB) Acquire(ctx context.Context, importID int64, owner string, ttl time.Duration) (lease Lease, ok bool, err error) {
	lease = Lease{ImportID: importID, Owner: owner}
	err = db.inTx(ctx, func(t *Tx) error {
		if err := t.takeTurn(ctx, importID); err != nil {
			return err
		}
		var before string
		if err := t.tx.QueryRowContext(ctx, "SELECT lease_owner FROM imports WHERE id = $1 AND "+db.isDue()+t.write, importID).Scan(&before); err != nil {
			return err
		}
		lease.Taken = before != ""
		return t.tx.QueryRowContext(ctx, `UPDATE imports SET lease_owner = $2, lease_expires = $3, lease_since = $4, fence = fence + 1,
			taken = CASE WHEN lease_owner <> '' THEN fence + 1 ELSE taken END
			WHERE id = $1 AND `+db.isDue()+" RETURNING fence, taken",
			importID, owner, millis(t.Now.Add(ttl)), millis(t.Now)).Scan(&lease.Fence, &lease.Apart)
	})
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Lease{}, false, nil
	case err != nil:
		return Lease{}, false, fmt.Errorf("take lease: %w", err)
	}
	return lease, true, nil
}

// Renew makes the lease last for ttl from now. ErrLeaseLost when somebody else took it
// or the import was deleted.
func (db *DB) Renew(ctx context.Context, l Lease, ttl time.Duration) error {
	err := db.inTx(ctx, func(t *Tx) error {
		var id int64
		return t.tx.QueryRowContext(ctx, `UPDATE imports SET lease_expires = $4
			WHERE id = $1 AND lease_owner = $2 AND fence = $3 AND deleted_at = 0 RETURNING id`,
			l.ImportID, l.Owner, l.Fence, millis(t.Now.Add(ttl))).Scan(&id)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return ErrLeaseLost
	}
	if err != nil {
		return fmt.Errorf("renew lease: %w", err)
	}
	return nil
}

// Release gives the lease back. A lease that was lost is left to whoever has it.
func (db *DB) Release(ctx context.Context, l Lease) error {
	return db.inTx(ctx, func(t *Tx) error {
		_, err := t.tx.ExecContext(ctx, `UPDATE imports SET lease_owner = '', lease_expires = 0
			WHERE id = $1 AND lease_owner = $2 AND fence = $3`, l.ImportID, l.Owner, l.Fence)
		return err
	})
}

// ReleaseFolder ends every lease whose owner begins with folder and a slash: those of
// earlier processes on the same data folder. Only the one process that has the folder may ask.
func (db *DB) ReleaseFolder(ctx context.Context, folder string) error {
	return db.inTx(ctx, func(t *Tx) error {
		if err := t.alone(ctx); err != nil {
			return err
		}
		_, err := t.tx.ExecContext(ctx, `UPDATE imports SET lease_owner = '', lease_expires = 0
			WHERE substr(lease_owner, 1, length(CAST($1 AS TEXT))) = $1`, folder+"/")
		return err
	})
}

// Advance records what a worker did, in one transaction, if its lease still holds
// (ErrLeaseLost otherwise). change edits the row in place, as with ChangeImport.
func (db *DB) Advance(ctx context.Context, l Lease, change func(*Tx, *Import) error) (Import, error) {
	var i Import
	err := db.inTx(ctx, func(t *Tx) error {
		var err error
		if i, err = t.held(ctx, l); err != nil {
			return err
		}
		if i.Deleted {
			return ErrLeaseLost
		}
		return t.change(ctx, &i, change)
	})
	return i, err
}

// held returns the row l is a lease of, ErrLeaseLost when it is not any more.
func (t *Tx) held(ctx context.Context, l Lease) (Import, error) {
	i, err := t.importByID(ctx, l.ImportID)
	if errors.Is(err, sql.ErrNoRows) {
		return i, ErrLeaseLost
	}
	if err != nil {
		return i, fmt.Errorf("read import: %w", err)
	}
	if i.lease.Owner != l.Owner || i.lease.Fence != l.Fence {
		return i, ErrLeaseLost
	}
	return i, nil
}

// RemoveImport forgets a deleted import for good, with everything that belongs to it.
// ErrLeaseLost when the lease does not hold.
func (db *DB) RemoveImport(ctx context.Context, l Lease) error {
	return db.inTx(ctx, func(t *Tx) error {
		i, err := t.held(ctx, l)
		if err != nil {
			return err
		}
		if !i.Deleted {
			return fmt.Errorf("import %d is not deleted", i.ID)
		}
		_, err = t.tx.ExecContext(ctx, "DELETE FROM imports WHERE id = $1", i.ID)
		return err
	})
}

// IsDue reports whether there is work to do on the import now, and nobody holds it. Its user's limit does not count.
func (db *DB) IsDue(ctx context.Context, importID int64) (bool, error) {
	ids, err := collect(ctx, db.read, scanID, "SELECT id FROM imports WHERE id = $1 AND "+db.isDue(), importID)
	if err != nil {
		return false, fmt.Errorf("ask whether import %d is due: %w", importID, err)
	}
	return len(ids) > 0, nil
}

func scanID(r row) (id int64, err error) {
	err = r.Scan(&id)
	return id, err
}

// ImportIDs returns the ids of all rows, deleted ones too: what folders may belong to.
func (db *DB) ImportIDs(ctx context.Context) (map[int64]bool, error) {
	ids, err := collect(ctx, db.read, scanID, "SELECT id FROM imports")
	if err != nil {
		return nil, fmt.Errorf("list imports: %w", err)
	}
	all := make(map[int64]bool, len(ids))
	for _, id := range ids {
		all[id] = true
	}
	return all, nil
}
