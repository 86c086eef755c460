package importer

import (
	"context"
	"time"

	"rehome"
	"rehome/internal/store"
)

// Approve lets a held import push. Invalid when nothing is held, NotFound without an import.
func (m *Importer) Approve(ctx context.Context, repositoryID int64) (rehome.Import, error) {
	row, err := m.change(ctx, repositoryID, func(t *store.Tx, i *store.Import) error {
		if i.State.Status != rehome.WaitingToPush {
			return &rehome.Error{
				Code: rehome.Invalid, Message: "Nothing waits to be approved: the import's status is " + string(i.State.Status) + ".",
				Hint: "Approve when it is waiting_to_push, where an import comes to that was started with hold.",
			}
		}
		i.Approved = true
		letPush(i, t.Now)
		return nil
	})
	return row.Import, err
}

// held reports whether the import stops before its push: only the first one is held.
func held(i *store.Import) bool { return i.Options.Hold && !i.Approved && i.CompletedAt.IsZero() }

// letPush moves an import on to its push.
func letPush(i *store.Import, now time.Time) {
	i.DueAt = now
	i.Progress.PushPercent = 0
	become(i, rehome.Pushing)
}
