package store

import (
	"context"
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

// AddDelivery stores a delivery that is due at once and returns its id. d.Attempts, times and answer are not looked at.
func (t *Tx) AddDelivery(ctx context.Context, d Delivery) (int64, error) { return 0, errStub }

// AddDelivery is Tx.AddDelivery in a transaction of its own; NotFound when the hook is gone.
func (db *DB) AddDelivery(ctx context.Context, d Delivery) (int64, error) { return 0, errStub }

// Due is a delivery that is due.
type DueDelivery struct {
	ID, HookID int64
	Failing    bool // the hook's last attempt failed
}

// DueDeliveries returns at most limit deliveries that are due by the database's clock, the longest due first, at most
// perHook of one hook, none of the hooks in except, and when the next one that is not due yet will be: the zero time for none.
func (db *DB) DueDeliveries(ctx context.Context, except []int64, limit int) (due []DueDelivery, next time.Time, err error) {
	return nil, time.Time{}, errStub
}

// ClaimDelivery begins an attempt: it counts, and is taken for lost unless it is finished within the given time. ok is
// false when it is not due: somebody else tries it, or it is gone.
func (db *DB) ClaimDelivery(ctx context.Context, id int64, within time.Duration) (d Delivery, h Hook, ok bool, err error) {
	return Delivery{}, Hook{}, false, errStub
}

// FinishDelivery stores what came of the attempt d.Attempts: URL, headers, bodies, DeliveredAt, Duration, Answer; it is
// the hook's last answer, too. again is when it is tried again, from now; negative for never. An attempt that was taken for lost meanwhile changes nothing.
func (db *DB) FinishDelivery(ctx context.Context, d Delivery, again time.Duration) error {
	return errStub
}

// Deliveries returns at most limit deliveries of the hook, the newest first, with ids below before; 0 is no bound. Payload and bodies are left out.
func (db *DB) Deliveries(ctx context.Context, hookID, before int64, limit int) ([]Delivery, error) {
	return nil, errStub
}

// Delivery returns one delivery of the hook, whole; NotFound when it has none of that id.
func (db *DB) Delivery(ctx context.Context, hookID, id int64) (Delivery, error) {
	return Delivery{}, errStub
}

// DropDeliveries forgets deliveries that are older than age and not due any more, at most some thousand in one call, and
// hooks whose repository is gone and that have none due. It returns how many of both.
func (db *DB) DropDeliveries(ctx context.Context, age time.Duration) (int64, error) {
	return 0, errStub
}
