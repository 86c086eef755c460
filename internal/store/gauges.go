package store

import (
	"context"
	"fmt"
	"time"

	"rehome"
)

// Gauges are what the rows say at one moment.
type Gauges struct {
	Imports map[rehome.Status]int64 // how many there are at each status that one is at; deleted ones do not count
	Held    int64                   // how many a worker has
	Waiting int64                   // how many a worker could take up now, if one were free and their users' limits let it
	Oldest  time.Duration           // how long the first of them has been waiting, by the database's clock; 0 for none
	Pending int64                   // deliveries that are not made yet
}

// Gauges counts imports and deliveries. It reads every import's row, so that it is not to be asked all the time.
func (db *DB) Gauges(ctx context.Context) (Gauges, error) {
	g := Gauges{Imports: map[rehome.Status]int64{}}
	scan := func(r row) (none struct{}, err error) {
		var status rehome.Status
		var n, held int64
		err = r.Scan(&status, &n, &held)
		g.Imports[status] = n
		g.Held += held
		return none, err
	}
	_, err := collect(ctx, db.read, scan, "SELECT status, count(*), coalesce(sum(CASE WHEN lease_expires > "+db.now+` THEN 1 ELSE 0 END), 0)
		FROM imports WHERE deleted_at = 0 GROUP BY status`)
	if err != nil {
		return Gauges{}, fmt.Errorf("count imports: %w", err)
	}
	var oldest int64
	if err := db.read.QueryRowContext(ctx, db.waitingQuery()).Scan(&g.Waiting, &oldest); err != nil {
		return Gauges{}, fmt.Errorf("count waiting imports: %w", err)
	}
	g.Oldest = max(fromMS(oldest), 0)
	err = db.read.QueryRowContext(ctx, "SELECT count(*) FROM deliveries WHERE next_attempt_at <> 0").Scan(&g.Pending)
	if err != nil {
		return Gauges{}, fmt.Errorf("count deliveries: %w", err)
	}
	return g, nil
}

// waitingQuery counts what isDue says of rows that are not deleted, and how long the first has been so: its time may have
// come while somebody had it who gave no sign of life since.
func (d *dialect) waitingQuery() string {
	free := " <= " + d.now + " AND lease_expires <= " + d.now
	return "SELECT count(*), coalesce(" + d.now + ` - min(CASE WHEN lease_expires > since THEN lease_expires ELSE since END), 0) FROM (
		SELECT due_at AS since, lease_expires FROM imports WHERE ` + runs + " AND due_at" + free + `
		UNION ALL SELECT next_sync_at, lease_expires FROM imports WHERE ` + syncs + " AND next_sync_at" + free + `
	) AS waiting`
}

// LostBy reports whether the row went from the lease's holder to somebody else. Of a deleted one nobody lost anything.
func (i *Import) LostBy(l Lease) bool {
	return !i.Deleted && (i.lease.Owner != l.Owner || i.lease.Fence != l.Fence)
}
