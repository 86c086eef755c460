package storetest

import (
	"errors"
	"testing"
	"time"

	"rehome/internal/store"
)

func testLeases(t *testing.T, db *store.DB) {
	ctx := t.Context()
	i := newImport(t, db, newRepository(t, db, "octocat", "one").ID)
	wantDue(t, db, i.ID)
	first, ok, err := db.Acquire(ctx, i.ID, "a/1", time.Hour)
	must(t, err)
	if !ok {
		t.Fatal("a free import could not be leased")
	}
	wantDue(t, db)
	if _, ok, err := db.Acquire(ctx, i.ID, "a/1", time.Hour); err != nil || ok {
		t.Errorf("a second lease: ok %v, err %v", ok, err)
	}
	must(t, db.Renew(ctx, first, -time.Second)) // now it has expired
	second, ok, err := db.Acquire(ctx, i.ID, "b/1", time.Hour)
	must(t, err)
	if !ok || second.Fence <= first.Fence {
		t.Fatalf("lease after an expired one: ok %v, %+v after %+v", ok, second, first)
	}
	keep := func(*store.Tx, *store.Import) error { return nil }
	if _, err := db.Advance(ctx, first, keep); !errors.Is(err, store.ErrLeaseLost) {
		t.Errorf("the first holder wrote: %v", err)
	}
	if err := db.Renew(ctx, first, time.Hour); !errors.Is(err, store.ErrLeaseLost) {
		t.Errorf("the first holder renewed: %v", err)
	}
	must(t, db.Release(ctx, first))
	if _, err := db.Advance(ctx, second, keep); err != nil {
		t.Errorf("the second holder: %v", err)
	}
	must(t, db.Release(ctx, second))
	wantDue(t, db, i.ID)
	if _, ok, err := db.Acquire(ctx, 99, "a/1", time.Hour); err != nil || ok {
		t.Errorf("lease of a missing import: ok %v, err %v", ok, err)
	}
}

func testFolderLeases(t *testing.T, db *store.DB) {
	ctx := t.Context()
	mine := newImport(t, db, newRepository(t, db, "octocat", "one").ID)
	theirs := newImport(t, db, newRepository(t, db, "octodog", "one").ID)
	for id, owner := range map[int64]string{mine.ID: "aa/1", theirs.ID: "aab/1"} {
		_, ok, err := db.Acquire(ctx, id, owner, time.Hour)
		must(t, err)
		if !ok {
			t.Fatal("not leased")
		}
	}
	must(t, db.ReleaseFolder(ctx, "aa"))
	wantDue(t, db, mine.ID)
}
