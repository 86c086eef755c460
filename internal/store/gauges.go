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
	Ready   Ready                   // those of them that wait for nothing but a worker
	Pending int64                   // deliveries that are not made yet
}

// Ready are waiting imports that a free worker would take up.
type Ready struct {
	N      int64
	Oldest time.Duration // how long the first has been waiting, though its user's limit may have let it only since; 0 for none
}

// Gauges counts imports and deliveries. It reads no rows, but an index with all that are not deleted: not to be asked all the time.
func (db *DB) Gauges(ctx context.Context) (Gauges, error) {
	g := Gauges{Imports: map[rehome.Status]int64{}}
	scan := func(r row) (none struct{}, err error) {
		var status rehome.Status
		var n int64
		err = r.Scan(&status, &n)
		g.Imports[status] = n
		return none, err
	}
	if _, err := collect(ctx, db.read, scan, db.statusesQuery()); err != nil {
		return Gauges{}, fmt.Errorf("count imports: %w", err)
	}
	if err := db.read.QueryRowContext(ctx, db.heldQuery()).Scan(&g.Held); err != nil {
		return Gauges{}, fmt.Errorf("count imports that are worked on: %w", err)
	}
	var oldest int64
	if err := db.read.QueryRowContext(ctx, db.waitingQuery()).Scan(&g.Waiting, &oldest); err != nil {
		return Gauges{}, fmt.Errorf("count waiting imports: %w", err)
	}
	g.Oldest = max(fromMS(oldest), 0)
	if g.Ready = (Ready{g.Waiting, g.Oldest}); db.limits.Running > 0 {
		if err := db.read.QueryRowContext(ctx, db.readyQuery(), db.limits.Running).Scan(&g.Ready.N, &oldest); err != nil {
			return Gauges{}, fmt.Errorf("count imports within their users' limits: %w", err)
		}
		g.Ready.Oldest = max(fromMS(oldest), 0)
	}
	err := db.read.QueryRowContext(ctx, pendingQuery).Scan(&g.Pending)
	if err != nil {
		return Gauges{}, fmt.Errorf("count deliveries: %w", err)
	}
	return g, nil
}

// What Gauges asks. Each is answered by an index alone, or by one with no more than what it counts.

const pendingQuery = "SELECT count(*) FROM deliveries WHERE next_attempt_at <> 0"

func (d *dialect) statusesQuery() string {
	return "SELECT min(status), count(*) FROM imports WHERE deleted_at = 0 GROUP BY status COLLATE " + d.counts
}

func (d *dialect) heldQuery() string {
	return "SELECT count(*) FROM imports WHERE " + held + " AND lease_expires > " + d.now
}

// waitingQuery counts what isDue says of rows that are not deleted, and how long the first has been so: its time may have
// come while somebody had it who gave no sign of life since. It counts by user as imports_turns is ordered, so that SQLite takes that.
func (d *dialect) waitingQuery() string {
	free := " <= " + d.now + " AND lease_expires <= " + d.now
	since := "min(CASE WHEN lease_expires > %[1]s THEN lease_expires ELSE %[1]s END) AS since FROM imports WHERE "
	return "SELECT coalesce(sum(n), 0), coalesce(" + d.now + ` - min(since), 0) FROM (
		SELECT count(*) AS n, ` + fmt.Sprintf(since, "due_at") + runs + " AND due_at" + free + ` GROUP BY user_id
		UNION ALL SELECT count(*), ` + fmt.Sprintf(since, "next_sync_at") + syncs + " AND next_sync_at" + free + `
	) AS waiting`
}

// readyQuery is waitingQuery for what users' limits let run, $1 of each user's.
func (d *dialect) readyQuery() string {
	free := " <= " + d.now + " AND lease_expires <= " + d.now
	since := "CASE WHEN lease_expires > %[1]s THEN lease_expires ELSE %[1]s END AS since FROM imports WHERE "
	return "WITH running AS (" + d.running() + "), waiting AS (SELECT user_id, count(*) AS n, min(since) AS since FROM (SELECT user_id, " +
		fmt.Sprintf(since, "due_at") + runs + " AND due_at" + free + " UNION ALL SELECT user_id, " + fmt.Sprintf(since, "next_sync_at") + syncs + " AND next_sync_at" + free +
		`) AS due GROUP BY user_id)
		SELECT coalesce(sum(CASE WHEN w.n < $1 - coalesce(r.n, 0) THEN w.n ELSE $1 - coalesce(r.n, 0) END), 0), coalesce(` + d.now + ` - min(since), 0)
		FROM waiting w LEFT JOIN running r ON r.user_id = w.user_id WHERE coalesce(r.n, 0) < $1`
}

// LostBy reports whether the row went from the lease's holder to somebody else. Of a deleted one nobody lost anything.
func (i *Import) LostBy(l Lease) bool {
	return !i.Deleted && (i.lease.Owner != l.Owner || i.lease.Fence != l.Fence)
}
