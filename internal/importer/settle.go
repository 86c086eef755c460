package importer

import (
	"context"
	"time"

	"rehome"
	"rehome/internal/store"
)

// defaultSettle is how long a plan has to rest before it is carried out: after its last
// change, and after its first at most.
var defaultSettle = []time.Duration{2 * time.Second, 30 * time.Second}

// replan makes a new plan wanted. Where history was fetched before and nothing leads to
// another rewrite, the import goes to that step; while something runs, the newer plan
// is taken up after it. Changes that come close together become one rewrite.
func (m *Importer) replan(i *store.Import, now time.Time) {
	i.Wanted.Plan++
	if now.After(i.Settle.Until) {
		i.Settle.Since = now
	}
	i.Settle.Until = now.Add(m.Waits.Settle[0])
	if most := i.Settle.Since.Add(m.Waits.Settle[1]); most.Before(i.Settle.Until) {
		i.Settle.Until = most
	}
	switch i.State.Status {
	case rehome.Complete, rehome.WaitingToPush:
		become(i, rehome.Mapping)
	case rehome.Failed, rehome.AuthFailed:
		leaveFailure(i)
	}
	if i.State.Status == rehome.Mapping {
		i.DueAt = i.Settle.Until
	}
}

// leaveFailure goes on to the rewrite where there is something to rewrite. A fetch of what is new that
// failed is given up for it: the source may be gone for good, and a restart asks it again.
func leaveFailure(i *store.Import) {
	if i.Done.Raw == 0 {
		return
	}
	switch i.State.FailedStep {
	case rehome.StepRewrite, rehome.StepPush:
	default:
		if !i.Finishing { // the last sync stays wanted: without it nothing is closed
			i.Wanted.Raw = i.Done.Raw
		}
	}
	become(i, rehome.Mapping)
}

// tell tells the watchers of a change from outside, and sends a worker when it is due.
func (m *Importer) tell(ctx context.Context, before rehome.Status, row *store.Import) {
	m.watched.saw(row)
	if !before.Running() && row.State.Status.Running() {
		m.logOf(ctx, row.ID).InfoContext(ctx, "import started", "status", row.State.Status)
	}
	if wait := row.DueAt.Sub(row.UpdatedAt); wait > 0 {
		m.WakeAt(row.ID, wait)
		return
	}
	m.wake(ctx, row.ID)
}

// settled reports whether the plan has rested long enough to be carried out. If not, the
// row is due again when it has.
func (w *worker) settled(ctx context.Context) (ready bool, err error) {
	err = w.advance(ctx, func(t *store.Tx, i *store.Import) error {
		if ready = !i.Settle.Until.After(t.Now); ready {
			return store.ErrUnchanged
		}
		i.DueAt = i.Settle.Until
		return nil
	})
	return ready, err
}
