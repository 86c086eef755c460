package importer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"rehome"
	"rehome/internal/store"
)

const (
	// leaseFor is how long an import waits for a holder that does not renew.
	leaseFor = 30 * time.Second
	// renewEvery is also how soon a holder learns that its import was deleted elsewhere.
	renewEvery = 5 * time.Second
	// tidyUpFor bounds what is still done after the work was told to stop.
	tidyUpFor = 10 * time.Second
)

// Reconcile looks at the import's row and does what is due, step by step, until it
// wants no more or has to wait. It does nothing while somebody else works on it. When
// ctx ends the work stops within seconds and goes on from its last finished step later.
func (m *Importer) Reconcile(ctx context.Context, importID int64) error {
	for {
		worked, err := m.turn(ctx, importID)
		if err != nil || !worked || ctx.Err() != nil {
			return err
		}
		// A change that came while the lease was given back woke nobody who could take it.
		due, err := m.DB.IsDue(ctx, importID)
		if err != nil || !due {
			return err
		}
	}
}

// turn takes the import's lease, does what is due and gives the lease back.
func (m *Importer) turn(ctx context.Context, importID int64) (worked bool, err error) {
	work, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	if !m.enlist(importID, stop) {
		return false, nil
	}
	lease, ok, err := m.DB.Acquire(ctx, importID, m.owner, leaseFor)
	if err != nil || !ok {
		m.dismiss(importID)
		return false, err
	}
	if lease.Taken {
		m.Measure.TakenOver()
		m.logOf(ctx, importID).InfoContext(ctx, "import taken over", "fence", lease.Fence)
	}
	var renewing sync.WaitGroup
	renewing.Go(func() { m.renew(work, lease, stop) })
	err = m.workOn(work, lease)

	stop(nil)
	renewing.Wait()
	// Whatever ended the work, tidying up has its own time.
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), tidyUpFor)
	defer cancel()
	err = errors.Join(err, m.finish(after, lease, context.Cause(work)))
	m.dismiss(importID)
	return true, errors.Join(err, m.DB.Release(after, lease))
}

// enlist notes that this process works on the import; false when it does already.
func (m *Importer) enlist(importID int64, stop context.CancelCauseFunc) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, busy := m.running[importID]; busy {
		return false
	}
	m.running[importID] = stop
	return true
}

func (m *Importer) dismiss(importID int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.running, importID)
}

// renew keeps the lease until ctx ends, and stops the work when it is lost or could
// not be renewed in time.
func (m *Importer) renew(ctx context.Context, lease store.Lease, stop context.CancelCauseFunc) {
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	renewed := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := m.DB.Renew(ctx, lease, leaseFor)
		switch {
		case err == nil:
			renewed = time.Now()
		case errors.Is(err, store.ErrLeaseLost):
			stop(err)
			return
		case time.Since(renewed) > leaseFor-renewEvery:
			stop(fmt.Errorf("%w: %w", store.ErrLeaseLost, err))
			return
		}
	}
}

// workOn does steps until the row wants none now, the lease is lost or ctx ends.
func (m *Importer) workOn(ctx context.Context, lease store.Lease) error {
	row, err := m.DB.ImportByID(ctx, lease.ImportID)
	if err != nil || row.Deleted {
		return quietly(ctx, err)
	}
	w := &worker{Importer: m, lease: lease, row: row}
	for {
		step := w.next()
		if step == nil {
			return nil
		}
		at, began := w.row.State.Status, m.Clock()
		err := guarded(ctx, step)
		cause := err
		if err != nil && ctx.Err() == nil && !errors.Is(err, store.ErrLeaseLost) {
			err = w.fail(ctx, err)
		}
		w.measured(at, began, cause)
		if err != nil {
			return quietly(ctx, err)
		}
	}
}

// quietly drops the error of work that was told to stop or may not go on: that is no failure.
func quietly(ctx context.Context, err error) error {
	if ctx.Err() != nil || errors.Is(err, store.ErrLeaseLost) {
		return nil
	}
	return err
}

// finish removes what the turn left unfinished, and a deleted import altogether. why is what ended the turn.
func (m *Importer) finish(ctx context.Context, lease store.Lease, why error) error {
	w := &worker{Importer: m, lease: lease}
	row, err := m.DB.ImportByID(ctx, lease.ImportID)
	if rehome.CodeOf(err) == rehome.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	m.measureLease(ctx, lease, &row, why)
	if row.Deleted {
		return quietly(ctx, w.cleanUp(ctx, &row))
	}
	if !rests(row.State.Status) {
		return m.Folder.dropWork(lease.ImportID)
	}
	return errors.Join(m.Folder.dropWork(lease.ImportID), w.tidyShelf(ctx, &row))
}
