package importer

import (
	"context"

	"rehome/internal/store"
)

// syncDue reports whether an import at rest is to take up what is new at its source.
func (w *worker) syncDue() bool {
	at := w.row.NextSyncAt
	return !at.IsZero() && w.row.ClosedAt.IsZero() && !at.After(w.Clock())
}

// sync begins to take up what is new at the source. The next time is set before, so that a failure is not tried again
// before it comes.
func (w *worker) sync(ctx context.Context) error {
	return w.advance(ctx, func(t *store.Tx, i *store.Import) error {
		tryAgain(i, t.Now)
		i.NextSyncAt = t.Now.Add(i.Options.SyncEvery)
		return nil
	})
}
