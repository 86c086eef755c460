package storetest

import (
	"errors"
	"testing"
	"time"

	"rehome"
	"rehome/internal/store"
)

// testExpire has a raw repository that is due to go, and what keeps it.
func testExpire(t *testing.T, db *store.DB) {
	ctx := t.Context()
	r := newRepository(t, db, "octocat", "one")
	i := newImport(t, db, r.ID)
	rest := func(used time.Time) {
		t.Helper()
		change(t, db, r.ID, func(i *store.Import) { i.State.Status = rehome.Importing })
		i = change(t, db, r.ID, func(i *store.Import) {
			i.State = rehome.State{Status: rehome.Failed, FailedStep: rehome.StepRaw}
			i.Kept, i.RawBytes = store.Kept{Raw: "a", Final: "b", Pushed: "c", UsedAt: used, Disk: 7}, 5
		})
	}
	keep := func(keep time.Duration, want int64) {
		t.Helper()
		if n, err := db.KeepRaw(ctx, keep); err != nil || n != want {
			t.Errorf("KeepRaw(%v) changed %d rows, want %d: %v", keep, n, want, err)
		}
	}
	keep(time.Hour, 0) // it runs
	rest(time.Now().UTC().Truncate(time.Millisecond))
	keep(time.Hour, 1)
	keep(time.Hour, 0)
	wantDue(t, db)
	got, err := db.ImportOf(ctx, r.ID)
	must(t, err)
	if want := i.Kept.UsedAt.Add(time.Hour); !got.RawExpiresAt.Equal(want) {
		t.Errorf("expires at %v, want %v", got.RawExpiresAt, want)
	}
	keep(0, 1)
	keep(time.Hour, 1)

	rest(time.Now().Add(-2 * time.Hour))
	keep(time.Hour, 1)
	wantDue(t, db, i.ID)
	lease, ok, err := db.Acquire(ctx, i.ID, "one/1", time.Minute)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	before := i.UpdatedAt
	put, err := db.PutOffExpiry(ctx, lease)
	must(t, err)
	if !put.RawExpiresAt.After(time.Now()) || !put.UpdatedAt.Equal(before) {
		t.Errorf("put off to %v, changed at %v, before %v", put.RawExpiresAt, put.UpdatedAt, before)
	}
	keep(time.Hour, 0) // it is left alone
	if _, expired, err := db.ExpireRaw(ctx, lease, "map", 3); err != nil || expired {
		t.Errorf("expired before its time: %v", err)
	}
	keep(30*time.Minute, 0)
	rest(time.Now().Add(-2 * time.Hour))
	keep(time.Hour, 1)
	got, expired, err := db.ExpireRaw(ctx, lease, "map", 3)
	if want := (store.Kept{Final: "map", Disk: 3}); err != nil || !expired || got.Kept != want || !got.RawExpiresAt.IsZero() || got.RawBytes != 0 {
		t.Errorf("expired: %v, %+v, %v", expired, got.Kept, err)
	}
	must(t, db.Release(ctx, lease))
	if _, _, err := db.ExpireRaw(ctx, lease, "map", 3); !errors.Is(err, store.ErrLeaseLost) {
		t.Errorf("expired without a lease: %v", err)
	}
	wantDue(t, db)
	keep(time.Minute, 0) // nothing is there any more
}
