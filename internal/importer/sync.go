package importer

import (
	"context"

	"rehome/internal/store"
)

// mayBeDue reports whether an import at rest takes up what is new at its source by a clock, and that may be now.
func (w *worker) mayBeDue() bool {
	return !w.rests && !w.row.NextSyncAt.IsZero() && w.row.ClosedAt.IsZero()
}

// sync begins to take up what is new at the source, if its time has come by the database's clock, which decides what is due.
// The next time is set before, so that a failure is not tried again before it comes.
func (w *worker) sync(ctx context.Context) error {
	return w.advance(ctx, func(t *store.Tx, i *store.Import) error {
		if i.NextSyncAt.IsZero() || !i.ClosedAt.IsZero() || i.NextSyncAt.After(t.Now) {
			w.rests = true
			return store.ErrUnchanged
		}
		tryAgain(i, t.Now)
		i.NextSyncAt = t.Now.Add(i.Options.SyncEvery)
		return nil
	})
}
