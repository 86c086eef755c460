package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"rehome"
	"rehome/internal/store"
)

// testProcesses opens one database several times and works with all of it from all sides at once.
func testProcesses(t *testing.T, where string, open func(t *testing.T, where string, o store.Options) *store.DB) {
	dbs := make([]*store.DB, 4)
	for n := range dbs {
		dbs[n] = open(t, where, store.Options{})
	}
	r := newRepository(t, dbs[0], "octocat", "one")
	i := newImport(t, dbs[0], r.ID)
	hook := newHook(t, dbs[0], aHook(r.ID, "https://new.example/"))
	held, _, err := dbs[1].Acquire(t.Context(), i.ID, "a/1", time.Hour)
	must(t, err)
	together(len(dbs), func(n int) { // what locks in different orders would lock each other out
		for range 5 {
			if err := everything(dbs[n], r, i.ID, held, hook.ID, n); err != nil {
				t.Error(err)
			}
		}
	})
}

// everything writes to all that belongs to an import.
func everything(db *store.DB, r rehome.Repository, importID int64, held store.Lease, hook int64, n int) error {
	ctx := context.Background()
	_, advance := db.Advance(ctx, held, func(tx *store.Tx, i *store.Import) error {
		_, err := tx.AddDelivery(ctx, aDelivery(hook))
		return errors.Join(err, tx.Pushed(ctx, r.ID, tx.Now, ""), tx.SetWritten(ctx, r.ID, []store.WrittenRef{{Name: "refs/heads/main", Wrote: "aa"}}))
	})
	_, change := db.ChangeDestination(ctx, r.ID, func(_ *store.Tx, d *store.Destination, i *store.Import) error {
		d.URL = fmt.Sprint("https://new.example/", n)
		return nil
	})
	_, ask := db.ChangeImport(ctx, r.ID, func(tx *store.Tx, i *store.Import) error {
		_, err := tx.Owner(ctx, r.Owner.ID)
		return err
	})
	_, idle := db.EraseIdle(ctx, time.Hour)
	_, drop := db.DropDeliveries(ctx, time.Hour)
	_, edit := db.ChangeRepository(ctx, r.ID, func(r *rehome.Repository) { r.Description = fmt.Sprint(n) })
	due, _, list := db.DueDeliveries(ctx, nil, 10)
	var deliver error
	for _, one := range due {
		d, _, ok, err := db.ClaimDelivery(ctx, one.ID, time.Minute)
		if err == nil && ok {
			err = db.FinishDelivery(ctx, d, -1)
		}
		deliver = errors.Join(deliver, err)
	}
	_, again := db.AddDelivery(ctx, aDelivery(hook))
	if rehome.CodeOf(again) == rehome.LimitPassed {
		again = nil
	}
	return errors.Join(advance, change, ask, idle, drop, edit, list, deliver, again,
		db.AddLFSObjects(ctx, r.ID, []store.LFSObject{{OID: fmt.Sprintf("%064x", n), Size: 1}}), db.Renew(ctx, held, time.Hour), db.ReleaseFolder(ctx, "nobody"))
}
