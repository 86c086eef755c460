package storetest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
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
	if first.Taken || !second.Taken {
		t.Errorf("taken from a holder: first %v, second %v", first.Taken, second.Taken)
	}
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
	third, ok, err := db.Acquire(ctx, i.ID, "c/1", time.Hour)
	must(t, err)
	if !ok || third.Taken {
		t.Errorf("lease after one that was given back: ok %v, %+v", ok, third)
	}
	if first.Apart != 0 || second.Apart != second.Fence || third.Apart != second.Fence {
		t.Errorf("apart from the first holder: %+v, %+v, %+v", first, second, third)
	}
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

// A holder that was paused past its lease cannot write when it wakes, neither while its successor works nor afterwards.
func testPausedHolder(t *testing.T, db *store.DB) {
	ctx := t.Context()
	i := newImport(t, db, newRepository(t, db, "octocat", "one").ID)
	paused, _, err := db.Acquire(ctx, i.ID, "a/1", -time.Second)
	must(t, err)
	next, ok, err := db.Acquire(ctx, i.ID, "b/1", time.Hour)
	if err != nil || !ok {
		t.Fatalf("an expired lease was not taken: %v, %v", ok, err)
	}
	wakes := func() {
		t.Helper()
		_, err := db.Advance(ctx, paused, func(*store.Tx, *store.Import) error {
			t.Error("the paused holder went on")
			return nil
		})
		if !errors.Is(err, store.ErrLeaseLost) {
			t.Errorf("the paused holder wrote: %v", err)
		}
		if err := db.Renew(ctx, paused, time.Hour); !errors.Is(err, store.ErrLeaseLost) {
			t.Errorf("the paused holder renewed: %v", err)
		}
		if err := db.RemoveImport(ctx, paused); !errors.Is(err, store.ErrLeaseLost) {
			t.Errorf("the paused holder removed: %v", err)
		}
		must(t, db.Release(ctx, paused))
	}
	wakes()
	must(t, db.Renew(ctx, next, time.Hour)) // its release was not the successor's
	must(t, db.Release(ctx, next))
	wakes()
}

// Of hundreds who want an import at the same moment one gets it.
func testOneLease(t *testing.T, db *store.DB) {
	i := newImport(t, db, newRepository(t, db, "octocat", "one").ID)
	var won atomic.Int64
	together(300, func(int) {
		_, ok, err := db.Acquire(context.Background(), i.ID, "a/1", time.Hour)
		if err != nil {
			t.Error(err)
		}
		if ok {
			won.Add(1)
		}
	})
	if won.Load() != 1 {
		t.Errorf("%d leases of one import", won.Load())
	}
}

// What the holder writes and what people ask for at the same time are both kept.
func testNoLostUpdates(t *testing.T, db *store.DB) {
	const each = 40
	r := newRepository(t, db, "octocat", "one")
	i := newImport(t, db, r.ID)
	lease, _, err := db.Acquire(t.Context(), i.ID, "a/1", time.Hour)
	must(t, err)
	ctx := context.Background()
	add := func(_ *store.Tx, i *store.Import) error {
		i.Progress.Commits++
		return nil
	}
	together(each, func(int) {
		_, err := db.Advance(ctx, lease, add)
		_, other := db.ChangeImport(ctx, r.ID, add)
		_, third := db.ChangeDestination(ctx, r.ID, func(tx *store.Tx, d *store.Destination, i *store.Import) error {
			d.URL += "x"
			return add(tx, i)
		})
		if err := errors.Join(err, other, third, db.Renew(ctx, lease, time.Hour)); err != nil {
			t.Error(err)
		}
	})
	got, err := db.ImportOf(ctx, r.ID)
	must(t, err)
	if n := got.Progress.Commits - i.Progress.Commits; n != 3*each || len(got.Destination.URL) != each {
		t.Errorf("%d changes of %d, %d of %d of the destination", n, 3*each, len(got.Destination.URL), each)
	}
}

// together does n things at once.
func together(n int, do func(n int)) {
	var wg sync.WaitGroup
	for k := range n {
		wg.Go(func() { do(k) })
	}
	wg.Wait()
}
