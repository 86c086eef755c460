package importer

import (
	"context"
	"time"

	"rehome"
	"rehome/internal/store"
)

// Finish takes up what is new at the source once more, and closes the import when that is proven: its credentials
// are erased, no clock syncs it any more and nothing of it can be changed. One that is closed stays so. by is the owner who
// asks, of whom webhooks are told. Invalid before the import has completed once, NotFound without one.
func (m *Importer) Finish(ctx context.Context, repositoryID, by int64) (rehome.Import, error) {
	row, err := m.change(ctx, repositoryID, func(t *store.Tx, i *store.Import) error {
		switch {
		case !i.ClosedAt.IsZero():
			return store.ErrUnchanged
		case i.CompletedAt.IsZero():
			return &rehome.Error{
				Code: rehome.Invalid, Message: "The import has not completed yet: its status is " + string(i.State.Status) + ".",
				Hint: "Finish it once it has.",
			}
		}
		i.Finishing, i.StartedBy = true, by
		if i.State.Status.Running() {
			i.Wanted.Raw++ // what runs may have looked at the source before
			return nil
		}
		tryAgain(i, t.Now)
		return nil
	})
	return row.Import, err
}

// checkOpen refuses changes of an import that is closed.
func checkOpen(i *store.Import) error {
	if i.ClosedAt.IsZero() {
		return nil
	}
	return &rehome.Error{
		Code: rehome.Invalid, Message: "The import is finished and closed.",
		Hint: "To import what came later, DELETE the import and start another one.",
	}
}

// rest settles what follows when an import completes: the time of the next sync, or, of one that is to be finished, the
// last sync or the end.
func (m *Importer) rest(ctx context.Context, t *store.Tx, i *store.Import, now time.Time) error {
	i.NextSyncAt = time.Time{}
	if i.Options.SyncEvery > 0 {
		i.NextSyncAt = t.Now.Add(i.Options.SyncEvery)
	}
	switch {
	case !i.Finishing || i.State.Status != rehome.Complete:
		return nil
	case i.Wanted.Raw > i.Done.Raw:
		tryAgain(i, t.Now)
		return nil
	}
	i.Finishing, i.ClosedAt = false, now
	i.Options.SyncEvery, i.NextSyncAt = 0, time.Time{}
	i.Credentials, i.Key, i.Source.SSHPublicKey = nil, nil, ""
	d, err := t.Destination(ctx, i.RepositoryID)
	if rehome.CodeOf(err) == rehome.NotFound && err != nil {
		return nil
	}
	if err != nil {
		return err
	}
	d.Credentials, d.Key, d.SSHPublicKey = nil, nil, ""
	i.Destination = d.Destination
	return t.SetDestination(ctx, d)
}
