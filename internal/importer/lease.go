package importer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rehome/internal/egress"
	"rehome/internal/store"
)

const (
	// leaseFor is how long an import waits for a holder that does not renew.
	leaseFor = 30 * time.Second
	// renewEvery is also how soon a holder learns that its import was deleted elsewhere.
	renewEvery = 5 * time.Second
	// maxOutages is how often in a row the same step may meet a database that is away, in one turn.
	maxOutages = 10
)

// holding is how leases are held.
type holding struct{ leaseFor, renewEvery time.Duration }

// renew keeps the lease, which was taken after began, until ctx ends, and stops the work when it is lost. It stops it, too,
// before the lease can be somebody else's because nothing was heard of the database, or this process stood still.
func (m *Importer) renew(ctx context.Context, lease store.Lease, began time.Time, stop context.CancelCauseFunc) {
	tick := time.NewTicker(m.renewEvery)
	defer tick.Stop()
	renewed := began
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		asked := time.Now()
		err := m.renewBy(ctx, lease, renewed.Add(m.leaseFor-m.renewEvery))
		switch {
		case err == nil:
			renewed = asked
		case errors.Is(err, store.ErrLeaseLost):
			stop(err)
			return
		case time.Since(renewed) >= m.leaseFor-m.renewEvery:
			stop(fmt.Errorf("%w: %w", store.ErrLeaseLost, err))
			return
		}
	}
}

// renewBy renews the lease until a time: a database that does not answer is not waited for longer. A lease that could
// have been lost meanwhile is asked for once all the same: where nobody took it, the work goes on.
func (m *Importer) renewBy(ctx context.Context, lease store.Lease, end time.Time) error {
	if past := time.Now().Add(m.renewEvery); end.Before(past) {
		end = past
	}
	ctx, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	return m.DB.Renew(ctx, lease, m.leaseFor)
}

// outlast waits until the database answers, reads the row again and makes sure that the lease still holds. The work ends
// before, with the lease, where that takes too long.
func (w *worker) outlast(ctx context.Context, outages int) error {
	if err := egress.Sleep(ctx, time.Duration(outages)*w.renewEvery/10); err != nil {
		return err
	}
	return w.advance(ctx, func(*store.Tx, *store.Import) error { return store.ErrUnchanged })
}

// patiently makes a change under the lease as soon as the database answers, or ends with ctx. What may have been begun is
// not done again.
func (w *worker) patiently(ctx context.Context, change func(*store.Tx, *store.Import) error) (store.Import, error) {
	for {
		begun := false
		row, err := w.DB.Advance(ctx, w.lease, func(t *store.Tx, i *store.Import) error {
			begun = true
			return change(t, i)
		})
		if begun || !store.Unavailable(err) || egress.Sleep(ctx, w.renewEvery/10) != nil {
			return row, err
		}
	}
}
