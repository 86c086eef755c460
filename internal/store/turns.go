package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"rehome"
)

// Limits bound what one user has. 0 is no limit.
type Limits struct {
	Running int // imports at once that somebody works on; more wait
	Queued  int // imports waiting or running; more are refused
}

// These are word for word the conditions of the indexes imports_turns, imports_gone, imports_sync and imports_held.
const (
	runs  = "deleted_at = 0 AND status IN ('detecting', 'importing', 'mapping', 'pushing')"
	gone  = "deleted_at <> 0"
	syncs = "next_sync_at <> 0 AND deleted_at = 0 AND closed_at = 0 AND status IN ('complete', 'error')"
	held  = "lease_owner <> '' AND deleted_at = 0"
)

// isDue says of a row that there is work to do on it now: something runs or is to be
// cleaned up, or it rests until its next sync, or until its raw repository expires; its time has come, and nobody holds it.
func (d *dialect) isDue() string {
	return "((" + runs + " OR " + gone + ") AND due_at <= " + d.now + " OR " + syncs + " AND next_sync_at <= " + d.now + " OR " + expires + " AND raw_expires <= " + d.now + ") AND lease_expires <= " + d.now
}

// Due returns the ids of at most limit imports with work to do that nobody holds, those that run and those at rest whose
// next sync has come, in the order in which their turns come. Turns go round users: an import comes before those of users
// who have, with what comes before, more imports running; of imports alike in that, the one that has been due for longest.
// Those beyond Limits.Running of their users are not among them, nor with Options.Hostless those that are the host's. What is to be cleaned up comes first and counts for nobody.
func (db *DB) Due(ctx context.Context, limit int) ([]int64, error) {
	most := db.limits.Running
	if most <= 0 {
		most = math.MaxInt32
	}
	ids, err := collect(ctx, db.read, scanID, db.dueQuery(), limit, most)
	if err != nil {
		return nil, fmt.Errorf("list due imports: %w", err)
	}
	return ids, nil
}

// Next returns the first of Due that is not among except, which are those that the caller is about to lease, or has just
// given back; ok is false when there is none.
func (db *DB) Next(ctx context.Context, except ...int64) (id int64, ok bool, err error) {
	ids, err := db.Due(ctx, len(except)+1)
	for _, id := range ids {
		if !slices.Contains(except, id) {
			return id, true, err
		}
	}
	return 0, false, err
}

// HostPost is the post, as of HoldPost, of the one process with the built-in host.
const HostPost = "host"

// hostAway is how long imports are left to a host that is not heard of, in milliseconds: one that starts again needs less.
const hostAway = 60 * 60 * 1000

// notOfHost says of a row that its import has a destination of its own, or that there is no host to push it to.
func (d *dialect) notOfHost() string {
	return "(EXISTS (SELECT 1 FROM destinations d WHERE d.repository_id = imports.repository_id) OR NOT EXISTS (SELECT 1 FROM chores WHERE name = '" +
		HostPost + "' AND due_at > " + d.now + fmt.Sprintf(" - %d))", hostAway)
}

// running counts what is worked on, by user.
func (d *dialect) running() string {
	return "SELECT user_id, count(*) AS n FROM imports WHERE " + held + " AND lease_expires > " + d.now + " GROUP BY user_id"
}

func (db *DB) dueQuery() string {
	d, mine := db.dialect, ""
	if db.hostless {
		mine = " AND " + d.notOfHost()
	}
	free := " <= " + d.now + " AND lease_expires <= " + d.now + mine
	return "WITH running AS (" + d.running() + `), waiting AS (
			SELECT id, user_id, due_at AS since FROM imports WHERE ` + runs + " AND due_at" + free + `
			UNION ALL SELECT id, user_id, next_sync_at FROM imports WHERE ` + syncs + " AND next_sync_at" + free + `
			UNION ALL SELECT id, user_id, raw_expires FROM imports WHERE ` + expires + " AND raw_expires" + free + " AND NOT (" + syncs + " AND next_sync_at <= " + d.now + `)
		), placed AS (
			SELECT id, since, coalesce(n, 0) + row_number() OVER (PARTITION BY w.user_id ORDER BY since, id) AS turn
			FROM waiting w LEFT JOIN running r ON r.user_id = w.user_id
		)
		SELECT id FROM (
			SELECT id, since, turn FROM placed WHERE turn <= $2
			UNION ALL SELECT id, due_at, 0 FROM imports WHERE ` + gone + " AND due_at <= " + d.now + " AND lease_expires <= " + d.now + `
		) AS due ORDER BY turn, since, id LIMIT $1`
}

// QueuePosition returns the import's place among those that wait for a worker, in the order of Due: 1 for the next to be
// taken up, 0 when it does not wait.
func (db *DB) QueuePosition(ctx context.Context, importID int64) (int, error) {
	places, err := db.places(ctx, importID)
	return places[importID], err
}

// Places returns the QueuePosition of each import that has one.
func (db *DB) Places(ctx context.Context) (map[int64]int, error) { return db.placesWhere(ctx, "") }

// places returns the places of those of the imports that wait.
func (db *DB) places(ctx context.Context, ids ...int64) (map[int64]int, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	args, marks := inList(ids)
	return db.placesWhere(ctx, " WHERE id IN ("+marks+")", args...)
}

func (db *DB) placesWhere(ctx context.Context, which string, args ...any) (map[int64]int, error) {
	places := map[int64]int{}
	scan := func(r row) (id int64, err error) {
		var place int
		err = r.Scan(&id, &place)
		places[id] = place
		return id, err
	}
	_, err := collect(ctx, db.read.direct, scan, "WITH running AS ("+db.running()+`), waiting AS (
			SELECT id, due_at, coalesce(n, 0) + row_number() OVER (PARTITION BY i.user_id ORDER BY due_at, id) AS turn
			FROM imports i LEFT JOIN running r ON r.user_id = i.user_id WHERE `+runs+` AND lease_owner = '' AND due_at <= `+db.now+`
		), placed AS (
			SELECT id, row_number() OVER (ORDER BY turn, due_at, id) AS place FROM waiting
		)
		SELECT id, place FROM placed`+which, args...)
	if err != nil {
		return nil, fmt.Errorf("count the queue: %w", err)
	}
	return places, nil
}

// inList makes parameters of ids, for IN.
func inList(ids []int64) (args []any, marks string) {
	all := make([]string, len(ids))
	args = make([]any, len(ids))
	for n, id := range ids {
		args[n], all[n] = id, fmt.Sprintf("$%d", n+1)
	}
	return args, strings.Join(all, ", ")
}

// mayRun locks a due import and its user's number of running ones; sql.ErrNoRows when it is not due or its user has as
// many as there may be.
func (t *Tx) mayRun(ctx context.Context, importID int64) error {
	if t.limits.Running <= 0 {
		return nil
	}
	var user, deleted int64
	err := t.tx.QueryRowContext(ctx, "SELECT user_id, deleted_at FROM imports WHERE id = $1 AND "+t.isDue()+t.write, importID).Scan(&user, &deleted)
	if err != nil || deleted != 0 {
		return err
	}
	if err := t.orGone(t.lockOwner(ctx, user)); err != nil {
		return err
	}
	var n int
	err = t.tx.QueryRowContext(ctx, "SELECT count(*) FROM imports WHERE user_id = $1 AND "+held+" AND lease_expires > "+t.now, user).Scan(&n)
	if err == nil && n >= t.limits.Running {
		err = sql.ErrNoRows
	}
	return err
}

// mayQueue refuses an import that is about to run when its user has as many as there may be.
func (t *Tx) mayQueue(ctx context.Context, i *Import) error {
	user := i.user
	if i.StartedBy != 0 {
		user = i.StartedBy
	}
	if t.limits.Queued <= 0 {
		return nil
	}
	if err := t.lockOwner(ctx, user); errors.Is(err, sql.ErrNoRows) {
		return nil // nobody is left to be limited
	} else if err != nil {
		return err
	}
	var n int
	err := t.tx.QueryRowContext(ctx, "SELECT count(*) FROM imports WHERE user_id = $1 AND id <> $2 AND "+runs, user, i.ID).Scan(&n)
	if err != nil {
		return fmt.Errorf("count imports: %w", err)
	}
	if n < t.limits.Queued {
		return nil
	}
	o, err := t.Owner(ctx, user)
	if err != nil {
		return err
	}
	return &rehome.Error{
		Code: rehome.Invalid, Message: fmt.Sprintf("%s already has %d imports waiting or running.", rehome.Clean(o.Login, 100), n),
		Hint: "Wait for one to end or cancel one.",
	}
}
