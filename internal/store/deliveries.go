package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"rehome"
)

// Delivery is a delivery's row.
type Delivery struct {
	rehome.Delivery
	URL             string // the last attempt's
	Payload         []byte // JSON
	RequestHeaders  map[string]string
	ResponseHeaders map[string]string
	ResponseBody    []byte
}

const deliveryColumns = `id, hook_id, guid, event, repository_id, redelivery, attempts, next_attempt_at,
	created_at, delivered_at, duration_ms, code, answer, request_url`

// deliveryTexts are the columns that may be large.
const deliveryTexts = "request_headers, response_headers, payload, response_body"

// scanDelivery scans deliveryColumns, and whatever was asked for after them into more.
func scanDelivery(r row, more ...any) (Delivery, error) {
	var d Delivery
	var next, created, delivered, took int64
	err := r.Scan(append([]any{
		&d.ID, &d.HookID, &d.GUID, &d.Event, &d.RepositoryID, &d.Redelivery, &d.Attempts, &next,
		&created, &delivered, &took, &d.Answer.Code, &d.Answer.Text, &d.URL,
	}, more...)...)
	d.NextAttemptAt, d.CreatedAt, d.DeliveredAt = fromMillis(next), fromMillis(created), fromMillis(delivered)
	d.Duration = fromMS(took)
	return d, err
}

func scanWholeDelivery(r row) (Delivery, error) {
	var request, response string
	var payload, body []byte
	d, err := scanDelivery(r, &request, &response, &payload, &body)
	if err != nil {
		return d, err
	}
	d.Payload, d.ResponseBody = payload, body
	err = errors.Join(json.Unmarshal([]byte(request), &d.RequestHeaders), json.Unmarshal([]byte(response), &d.ResponseHeaders))
	if err != nil {
		return d, fmt.Errorf("headers of delivery %d: %w", d.ID, err)
	}
	return d, nil
}

// jsonHeaders encodes headers; nil becomes an empty object.
func jsonHeaders(headers map[string]string) string {
	if headers == nil {
		headers = map[string]string{}
	}
	text, _ := json.Marshal(headers) // strings always encode
	return string(text)
}

// AddDelivery stores a delivery that is due at once and returns its id. d.Attempts, times and answer are not looked at.
// NotFound when the hook is gone.
func (t *Tx) AddDelivery(ctx context.Context, d Delivery) (int64, error) {
	hook := d.HookID
	if err := t.tx.QueryRowContext(ctx, "SELECT id FROM hooks WHERE id = $1"+t.keep, hook).Scan(&hook); err != nil {
		return 0, found(err, "hook")
	}
	var id int64
	err := t.tx.QueryRowContext(ctx, `INSERT INTO deliveries
		(hook_id, guid, event, repository_id, redelivery, payload, next_attempt_at, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $7) RETURNING id`,
		hook, d.GUID, d.Event, d.RepositoryID, d.Redelivery, d.Payload, millis(t.Now)).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("add delivery: %w", err)
	}
	return id, nil
}

// mostDue is how many deliveries one hook can have due before no more are taken from people.
const mostDue = 100

// AddDelivery is Tx.AddDelivery in a transaction of its own, for what people ask for. LimitPassed when too much is due to
// the hook already: a receiver that does not answer does not fill the disk.
func (db *DB) AddDelivery(ctx context.Context, d Delivery) (int64, error) {
	var id int64
	err := db.inTx(ctx, func(t *Tx) error {
		if err := t.lockID(ctx, "SELECT id FROM hooks WHERE id = $1", d.HookID); err != nil {
			return found(err, "hook")
		}
		var due int
		err := t.tx.QueryRowContext(ctx, countDue, d.HookID, mostDue).Scan(&due)
		if err != nil {
			return fmt.Errorf("count due deliveries: %w", err)
		}
		if due == mostDue {
			return &rehome.Error{
				Code: rehome.LimitPassed, Message: fmt.Sprintf("The hook has %d deliveries that are not made yet, which is the most.", due),
				Hint: "Wait until its receiver takes some of them.",
			}
		}
		id, err = t.AddDelivery(ctx, d)
		return err
	})
	return id, err
}

// countDue counts a hook's due deliveries as far as the limit.
const countDue = "SELECT count(*) FROM (SELECT 1 FROM deliveries WHERE hook_id = $1 AND next_attempt_at <> 0 LIMIT $2) AS d"

// DueDelivery is a delivery that is due.
type DueDelivery struct {
	ID, HookID int64
	Failing    bool // the hook's last attempt failed
}

// DueDeliveries returns deliveries that are due by the database's clock, the longest due first: one of each hook, its
// longest due, and none of the hooks in except. Of hooks that fail there are at most limit, and as many of the others,
// so that neither crowd hides the other. next is when the first one that is not due yet will be, of the same hooks: the
// zero time for none. An attempt under way counts as due when it would be taken for lost.
func (db *DB) DueDeliveries(ctx context.Context, except []int64, limit int) (due []DueDelivery, next time.Time, err error) {
	query, args := dueDeliveries(except, limit)
	var now int64
	if err := db.read.QueryRowContext(ctx, "SELECT "+db.now).Scan(&now); err != nil {
		return nil, time.Time{}, fmt.Errorf("ask the database's clock: %w", err)
	}
	scan := func(r row) (DueDelivery, error) {
		var d DueDelivery
		var id, later sql.NullInt64
		err := r.Scan(&id, &d.HookID, &d.Failing, &later)
		d.ID, next = id.Int64, fromMillis(later.Int64)
		return d, err
	}
	rows, err := collect(ctx, db.read.direct, scan, query, append([]any{now}, args...)...)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("list due deliveries: %w", err)
	}
	for _, d := range rows {
		if d.ID != 0 {
			due = append(due, d)
		}
	}
	return due, next, nil
}

// dueDeliveries is the query for DueDeliveries, whose first parameter is the time. It steps from hook to hook in
// the index deliveries_due and reads no row of deliveries, so that its cost depends on how many hooks wait for
// something alone. Its condition is in each part word for word. The last of the rows have no delivery: they bring next where none is due.
func dueDeliveries(except []int64, limit int) (query string, args []any) {
	args = []any{limit}
	marks := "0"
	for _, id := range except {
		args = append(args, id)
		marks += fmt.Sprintf(", $%d", len(args)+1)
	}
	return strings.Replace(`WITH RECURSIVE waiting (hook_id) AS (
			SELECT min(hook_id) FROM deliveries WHERE next_attempt_at <> 0
			UNION ALL
			SELECT (SELECT min(d.hook_id) FROM deliveries d WHERE d.next_attempt_at <> 0 AND d.hook_id > w.hook_id)
			FROM waiting w WHERE w.hook_id IS NOT NULL
		), told AS (
			SELECT h.id, CASE WHEN h.failing > 0 THEN 1 ELSE 0 END AS failing,
				(SELECT min(d.next_attempt_at) FROM deliveries d
					WHERE d.next_attempt_at <> 0 AND d.hook_id = h.id AND d.next_attempt_at <= $1) AS due_at,
				(SELECT min(d.next_attempt_at) FROM deliveries d
					WHERE d.next_attempt_at <> 0 AND d.hook_id = h.id AND d.next_attempt_at > $1) AS later
			FROM waiting w JOIN hooks h ON h.id = w.hook_id WHERE h.id NOT IN (EXCEPT)
		), placed AS (
			SELECT id, failing, due_at, min(later) OVER () AS next,
				row_number() OVER (PARTITION BY failing ORDER BY coalesce(due_at, $1 + 1), id) AS place
			FROM told
		)
		SELECT (SELECT min(d.id) FROM deliveries d WHERE d.next_attempt_at <> 0 AND d.hook_id = p.id AND d.next_attempt_at = p.due_at),
			p.id, p.failing, p.next
		FROM placed p WHERE p.place <= $2 ORDER BY coalesce(p.due_at, $1 + 1), p.id`, "EXCEPT", marks, 1), args
}

// ClaimDelivery begins an attempt: it counts, and is taken for lost unless it is finished within the given time. ok is
// false when it is not due: somebody else tries it, or it is gone.
func (db *DB) ClaimDelivery(ctx context.Context, id int64, within time.Duration) (d Delivery, h Hook, ok bool, err error) {
	err = db.inTx(ctx, func(t *Tx) error {
		var err error
		d, err = scanWholeDelivery(t.tx.QueryRowContext(ctx, `UPDATE deliveries SET attempts = attempts + 1, next_attempt_at = $3
			WHERE id = $1 AND next_attempt_at <> 0 AND next_attempt_at <= $2 RETURNING `+deliveryColumns+", "+deliveryTexts,
			id, millis(t.Now), millis(t.Now.Add(within))))
		if err != nil {
			return err
		}
		h, err = scanHook(t.tx.QueryRowContext(ctx, "SELECT "+hookColumns+" FROM hooks WHERE id = $1", d.HookID))
		return err
	})
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Delivery{}, Hook{}, false, nil
	case err != nil:
		return Delivery{}, Hook{}, false, fmt.Errorf("claim delivery: %w", err)
	}
	return d, h, true, nil
}

// FinishDelivery stores what came of the attempt d.Attempts: URL, headers, body, DeliveredAt, Duration, Answer; it is
// the hook's last answer, too. again is when it is tried again, from now; negative for never. An attempt that was taken
// for lost meanwhile, so that another began, changes nothing; nor does one whose hook is gone.
func (db *DB) FinishDelivery(ctx context.Context, d Delivery, again time.Duration) error {
	err := db.inTx(ctx, func(t *Tx) error {
		var next time.Time
		if again >= 0 {
			next = t.Now.Add(again)
		}
		var hook int64
		if err := t.lockID(ctx, "SELECT id FROM hooks WHERE id = $1", d.HookID); err != nil {
			return err // before its deliveries, as whoever deletes it does
		}
		err := t.tx.QueryRowContext(ctx, `UPDATE deliveries SET next_attempt_at = $3, delivered_at = $4, duration_ms = $5,
			code = $6, answer = $7, request_url = $8, request_headers = $9, response_headers = $10, response_body = $11
			WHERE id = $1 AND attempts = $2 AND next_attempt_at <> 0 RETURNING hook_id`,
			d.ID, d.Attempts, millis(next), millis(d.DeliveredAt), d.Duration.Milliseconds(),
			d.Answer.Code, d.Answer.Text, d.URL, jsonHeaders(d.RequestHeaders), jsonHeaders(d.ResponseHeaders), d.ResponseBody).Scan(&hook)
		if err != nil {
			return err
		}
		_, err = t.tx.ExecContext(ctx, `UPDATE hooks SET last_code = $2, last_text = $3,
			failing = CASE WHEN $4 THEN 0 ELSE failing + 1 END WHERE id = $1`,
			hook, d.Answer.Code, d.Answer.Text, d.Answer.OK())
		return err
	})
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("finish delivery: %w", err)
	}
	return nil
}

// Deliveries returns at most limit deliveries of the hook, the newest first, with ids below before; 0 is no bound.
// Payload, headers and body are left out.
func (db *DB) Deliveries(ctx context.Context, hookID, before int64, limit int) ([]Delivery, error) {
	if before == 0 {
		before = math.MaxInt64
	}
	all, err := collect(ctx, db.read, func(r row) (Delivery, error) { return scanDelivery(r) },
		"SELECT "+deliveryColumns+" FROM deliveries WHERE hook_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3", hookID, before, limit)
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	return all, nil
}

// Delivery returns one delivery of the hook, whole; NotFound when it has none of that id.
func (db *DB) Delivery(ctx context.Context, hookID, id int64) (Delivery, error) {
	d, err := scanWholeDelivery(db.read.QueryRowContext(ctx,
		"SELECT "+deliveryColumns+", "+deliveryTexts+" FROM deliveries WHERE hook_id = $1 AND id = $2", hookID, id))
	return d, found(err, "delivery")
}
