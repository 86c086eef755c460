package importer

import (
	"context"
	"errors"
	"sync"
	"time"

	"rehome"
	"rehome/internal/bucket"
	"rehome/internal/store"
)

// tidyUpFor bounds what is still done after the work was told to stop.
const tidyUpFor = 10 * time.Second

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
	if waits, err := m.waitsForRoom(ctx, importID); waits || err != nil {
		return false, err // a later sweep comes back to it
	}
	work, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	if !m.enlist(importID, stop) {
		return false, nil
	}
	began := time.Now()
	lease, ok, err := m.DB.Acquire(ctx, importID, m.owner, m.leaseFor)
	if err != nil || !ok {
		m.dismiss(importID)
		return false, err
	}
	if lease.Taken {
		m.Measure.TakenOver()
		m.logOf(ctx, importID).InfoContext(ctx, "import taken over", "fence", lease.Fence)
	}
	var renewing sync.WaitGroup
	renewing.Go(func() { m.renew(work, lease, began, stop) })
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

// workOn does steps until the row wants none now, the lease is lost or ctx ends. What the database keeps from being done is
// no failure of the import: it is done again. What goes on though the database has answered each time in between is something else.
func (m *Importer) workOn(ctx context.Context, lease store.Lease) error {
	row, err := m.DB.ImportByID(ctx, lease.ImportID)
	if err != nil || row.Deleted {
		return quietly(ctx, err)
	}
	w := &worker{Importer: m, lease: lease, row: row}
	defer func() { w.givenBack(ctx) }()
	err = w.beginAgain(ctx)
	for outages := 0; err == nil; {
		step := w.next()
		if step == nil {
			return nil
		}
		at, began := w.row.State.Status, m.Clock()
		w.stepBegins(ctx, at)
		w.kept, w.bytes = nil, 0 // of a step that ended early
		err = guarded(ctx, step)
		cause := err
		if err != nil && ctx.Err() == nil && !errors.Is(err, store.ErrLeaseLost) && (!away(err) || outages == maxOutages) {
			err = w.fail(ctx, err)
		}
		w.measured(at, began, cause)
		w.stepEnded(ctx, at, m.took(began), cause)
		switch {
		case err == nil:
			outages = 0
		case away(err) && outages < maxOutages:
			outages++
			w.logOf(ctx, w.row.ID).DebugContext(ctx, "the database was away during a step", "status", w.row.State.Status, "err", err)
			err = w.outlast(ctx, outages)
		}
	}
	return quietly(ctx, err)
}

// away reports whether it is the database that does not answer: what a step speaks to has errors of its own.
func away(err error) bool {
	return rehome.CodeOf(err) == rehome.Internal && store.Unavailable(err) && !errors.Is(err, bucket.ErrAway)
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
