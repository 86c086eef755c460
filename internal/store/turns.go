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
// who have, with what comes before, more imports running; of users alike in that it is who was served longest ago, and of
// those who never were who has been waiting for longest. One user's come in the order in which they fell due.
// Those beyond Limits.Running of their users are not among them, nor with Options.Hostless those that are the host's, nor what Options.Process left to others. What is to be cleaned up comes first and counts for nobody.
func (db *DB) Due(ctx context.Context, limit int) ([]int64, error) {
	most := db.limits.Running
	if most <= 0 {
		most = math.MaxInt32
	}
	args := []any{limit, most}
	if db.process != "" {
		args = append(args, db.process)
	}
	ids, err := collect(ctx, db.read, scanID, db.dueQuery(), args...)
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
	free := " <= " + db.now + " AND lease_expires <= " + db.now
	mine := free
	if db.hostless {
		mine += " AND " + db.notOfHost()
	}
	if db.process != "" {
		mine += " AND " + db.notLeft("$3")
	}
	return db.placed(mine) + `
		SELECT id FROM (
			SELECT id, turn, nth, served, since, first FROM placed WHERE turn <= $2
			UNION ALL SELECT id, 0, 0, 0, due_at, id FROM imports WHERE ` + gone + " AND due_at" + free + `
		) AS due ORDER BY ` + inTurn + " LIMIT $1"
}

// inTurn is the order in which placed are taken up, if none ends meanwhile. Of those with equally many before them, a user's
// nth comes after another's first: with their first that user has just been served.
const inTurn = "turn, nth, served, since, first"

// placed begins a query about what is free: by how many imports of its user run or come before it, and when that user was
// served and began to wait.
func (d *dialect) placed(free string) string {
	return "WITH running AS (" + d.running() + `), waiting AS (
			SELECT id, user_id, due_at AS since, lease_owner = '' AS shown FROM imports WHERE ` + runs + " AND due_at" + free + `
			UNION ALL SELECT id, user_id, next_sync_at, FALSE FROM imports WHERE ` + syncs + " AND next_sync_at" + free + `
			UNION ALL SELECT id, user_id, raw_expires, FALSE FROM imports WHERE ` + expires + " AND raw_expires" + free + " AND NOT (" + syncs + " AND next_sync_at <= " + d.now + `)
		), ordered AS (
			SELECT id, user_id, shown, row_number() OVER own AS nth, first_value(since) OVER own AS since, first_value(id) OVER own AS first
			FROM waiting WINDOW own AS (PARTITION BY user_id ORDER BY since, id)
		), placed AS (
			SELECT w.id, shown, coalesce(n, 0) + nth AS turn, nth, coalesce(served_at, 0) AS served, since, first
			FROM ordered w LEFT JOIN running r ON r.user_id = w.user_id LEFT JOIN owners o ON o.id = w.user_id
		)`
}

// QueuePosition returns the import's place among those that wait for a worker, in the order of Due: 1 for the next to be
// taken up, 0 when it does not wait. Others' limits do not count, nor that a process may have no host.
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
	return db.placesWhere(ctx, " AND id IN ("+marks+")", args...)
}

func (db *DB) placesWhere(ctx context.Context, which string, args ...any) (map[int64]int, error) {
	places := map[int64]int{}
	scan := func(r row) (id int64, err error) {
		var place int
		err = r.Scan(&id, &place)
		places[id] = place
		return id, err
	}
	_, err := collect(ctx, db.read.direct, scan, db.placed(" <= "+db.now+" AND lease_expires <= "+db.now)+`
		SELECT id, place FROM (SELECT id, shown, row_number() OVER (ORDER BY `+inTurn+") AS place FROM placed) AS queue WHERE shown"+which, args...)
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

// takeTurn locks a due import and notes that its user is served; sql.ErrNoRows when it is not due or its user has as many
// running as there may be.
func (t *Tx) takeTurn(ctx context.Context, importID int64) error {
	var user, deleted int64
	err := t.tx.QueryRowContext(ctx, "SELECT user_id, deleted_at FROM imports WHERE id = $1 AND "+t.isDue()+t.write, importID).Scan(&user, &deleted)
	if err != nil || deleted != 0 {
		return err
	}
	if err := t.mayRun(ctx, user); err != nil {
		return err
	}
	// Later than everybody, also where the clock stands still or went back.
	_, err = t.tx.ExecContext(ctx, `UPDATE owners SET served_at = coalesce((SELECT max(served_at) + 1 FROM owners WHERE served_at >= $2), $2)
		WHERE id = $1`, user, millis(t.Now))
	return err
}

// mayRun locks the user's number of running imports; sql.ErrNoRows when there are as many as there may be.
func (t *Tx) mayRun(ctx context.Context, user int64) error {
	if t.limits.Running <= 0 {
		return nil
	}
	if err := t.orGone(t.lockOwner(ctx, user)); err != nil {
		return err
	}
	var n int
	err := t.tx.QueryRowContext(ctx, "SELECT count(*) FROM imports WHERE user_id = $1 AND "+held+" AND lease_expires > "+t.now, user).Scan(&n)
	if err == nil && n >= t.limits.Running {
		err = sql.ErrNoRows
	}
	return err
}

// ErrQueueLimit is underneath the refusal of an import whose user has as many as Limits allow.
var ErrQueueLimit = errors.New("the user's limit of queued imports is reached")

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
	has := "1 import"
	if n > 1 {
		has = fmt.Sprintf("%d imports", n)
	}
	return &rehome.Error{
		Code: rehome.Invalid, Message: fmt.Sprintf("%s already has %s waiting or running.", rehome.Clean(o.Login, 100), has),
		Hint: "Wait for one to end or cancel one.", Err: ErrQueueLimit,
	}
}
