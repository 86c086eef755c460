package storetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rehome"
	"rehome/internal/store"
)

// queue makes imports of users, each named by its user, in the order in which they wait.
func queue(t *testing.T, db *store.DB, users ...string) []int64 {
	t.Helper()
	ids := make([]int64, len(users))
	for n, user := range users {
		r := newRepository(t, db, user, fmt.Sprint("r", n))
		newImport(t, db, r.ID)
		at := time.UnixMilli(int64(1000 + n))
		ids[n] = change(t, db, r.ID, func(i *store.Import) { i.DueAt = at }).ID
	}
	return ids
}

// wantTurns checks the order of Due, Next and QueuePosition, by places in ids.
func wantTurns(t *testing.T, db *store.DB, ids []int64, want ...int) {
	t.Helper()
	due, err := db.Due(t.Context(), 100)
	must(t, err)
	got := make([]int, len(due))
	for n, id := range due {
		got[n] = slices.Index(ids, id)
		if place, err := db.QueuePosition(t.Context(), id); err != nil || place != n+1 {
			t.Errorf("place of %d: %d, %v; want %d", got[n], place, err, n+1)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("turns %v, want %v", got, want)
	}
	const from, most = 1, 2
	page, total, err := db.Waiting(t.Context(), from, most)
	must(t, err)
	part := due[min(from, len(due)):min(from+most, len(due))]
	if !slices.EqualFunc(page, part, func(l store.Listed, id int64) bool { return l.ID == id && l.QueuePosition > from }) || total != len(due) {
		t.Errorf("a page of what waits is %+v of %d, want %v of %v", page, total, part, due)
	}
	for n := range len(due) + 1 {
		next, ok, err := db.Next(t.Context(), due[:n]...)
		if err != nil || ok != (n < len(due)) || ok && next != due[n] {
			t.Errorf("next after %d is %d, %v, %v; due are %v", n, next, ok, err, due)
		}
	}
}

func lease(t *testing.T, db *store.DB, id int64) store.Lease {
	t.Helper()
	l, ok, err := db.Acquire(t.Context(), id, "a/1", time.Hour)
	if err != nil || !ok {
		t.Fatalf("lease of %d: %v, %v", id, ok, err)
	}
	return l
}

// Whoever has many imports waits longer than whoever has one.
func testTurns(t *testing.T, db *store.DB) {
	ids := queue(t, db, "ada", "ada", "ada", "bob", "bob", "eve")
	wantTurns(t, db, ids, 0, 3, 5, 1, 4, 2)
	first := lease(t, db, ids[0])
	wantTurns(t, db, ids, 3, 5, 1, 4, 2)
	lease(t, db, ids[3])
	lease(t, db, ids[4]) // bob has two now
	wantTurns(t, db, ids, 5, 1, 2)
	must(t, db.Release(t.Context(), first))
	wantTurns(t, db, ids, 5, 0, 1, 2) // ada was served, eve never
	lease(t, db, ids[5])
	must(t, db.Renew(t.Context(), lease(t, db, ids[0]), -time.Second)) // an expired lease is nobody's
	if next, ok, err := db.Next(t.Context()); err != nil || !ok || next != ids[0] {
		t.Errorf("next: %d, %v, %v", next, ok, err)
	}

	// It is the turn of who started it, whosever the repository is.
	bob, err := db.OwnerByLogin(t.Context(), "bob")
	must(t, err)
	row, err := db.ImportByID(t.Context(), ids[1])
	must(t, err)
	change(t, db, row.RepositoryID, func(i *store.Import) { i.StartedBy = bob.ID })
	want := []int64{ids[0], ids[2], ids[1]}
	if due, err := db.Due(t.Context(), 10); err != nil || !slices.Equal(due, want) {
		t.Errorf("due %v, %v; want %v", due, err, want)
	}
}

// A process that cannot push to the host leaves its imports to the one that can, also while that starts again; where
// there is none, they are anybody's, to find that out.
func testHostless(t *testing.T, where string, open func(t *testing.T, where string, o store.Options) *store.DB) {
	db := open(t, where, store.Options{})
	other := open(t, where, store.Options{Hostless: true})
	ids := queue(t, db, "ada", "ada", "bob", "eve")
	var rows []store.Import
	for _, id := range ids {
		row, err := db.ImportByID(t.Context(), id)
		must(t, err)
		rows = append(rows, row)
	}
	elsewhere := func(tx *store.Tx, i *store.Import) error {
		return tx.SetDestination(t.Context(), store.Destination{RepositoryID: i.RepositoryID, Destination: rehome.Destination{URL: "https://forge.example/a"}})
	}
	_, err := db.ChangeImport(t.Context(), rows[1].RepositoryID, elsewhere)
	must(t, err)
	_, err = db.DeleteImport(t.Context(), rows[3].RepositoryID, nil)
	must(t, err)
	want := func(db *store.DB, want ...int64) {
		t.Helper()
		if due, err := db.Due(t.Context(), 10); err != nil || !slices.Equal(due, want) {
			t.Errorf("due %v, %v; want %v", due, err, want)
		}
	}
	all := []int64{ids[3], ids[0], ids[2], ids[1]}
	want(other, all...)
	for _, ttl := range []time.Duration{time.Minute, 0} {
		_, err := db.HoldPost(t.Context(), store.HostPost, "a", ttl)
		must(t, err)
		want(other, ids[3], ids[1])
		want(db, all...)
	}
	_, err = db.HoldPost(t.Context(), store.HostPost, "a", -2*time.Hour)
	must(t, err)
	want(other, all...)
}

func testRunningLimit(t *testing.T, db *store.DB) {
	ids := queue(t, db, "ada", "ada", "ada", "bob")
	first := lease(t, db, ids[0])
	second := lease(t, db, ids[1])
	if due, err := db.Due(t.Context(), 10); err != nil || !slices.Equal(due, ids[3:]) {
		t.Errorf("due %v, %v; want bob's %v", due, err, ids[3:])
	}
	if _, ok, err := db.Acquire(t.Context(), ids[2], "a/1", time.Hour); ok || err != nil {
		t.Errorf("a third of two: %v, %v", ok, err)
	}
	if place, err := db.QueuePosition(t.Context(), ids[2]); err != nil || place != 2 {
		t.Errorf("it waits at place %d, %v; want 2", place, err)
	}
	must(t, db.Release(t.Context(), first))
	lease(t, db, ids[2])

	// What is to be cleaned up does not wait for the user's turn.
	row, err := db.ImportByID(t.Context(), ids[0])
	must(t, err)
	_, err = db.DeleteImport(t.Context(), row.RepositoryID, nil)
	must(t, err)
	if next, ok, err := db.Next(t.Context()); err != nil || !ok || next != ids[0] {
		t.Errorf("next: %d, %v, %v; want the deleted %d", next, ok, err, ids[0])
	}
	lease(t, db, ids[0])
	must(t, db.Renew(t.Context(), second, time.Hour))
}

func testRunningAtOnce(t *testing.T, db *store.DB) {
	ids := queue(t, db, slices.Repeat([]string{"ada"}, 20)...)
	var running atomic.Int64
	together(len(ids), func(n int) {
		_, ok, err := db.Acquire(context.Background(), ids[n], "a/1", time.Hour)
		if err != nil {
			t.Error(err)
		}
		if ok {
			running.Add(1)
		}
	})
	if running.Load() != 3 {
		t.Errorf("%d run, want 3", running.Load())
	}
}

func testQueuedLimit(t *testing.T, db *store.DB) {
	ctx := t.Context()
	ids := queue(t, db, "ada", "ada", "bob")
	refused := func(err error) {
		t.Helper()
		wantCode(t, err, rehome.Invalid)
		if err != nil && !strings.Contains(err.Error(), "ada already has 2 imports waiting or running.") {
			t.Error(err)
		}
	}
	third := newRepository(t, db, "ada", "third")
	_, err := db.CreateImport(ctx, startingImport(third.ID), nil)
	refused(err)
	lease(t, db, ids[0]) // what runs counts, too
	_, err = db.CreateImport(ctx, startingImport(third.ID), nil)
	refused(err)

	row, err := db.ImportByID(ctx, ids[1])
	must(t, err)
	stop := func(i *store.Import) { i.State = rehome.State{Status: rehome.Failed, FailedStep: rehome.StepRaw} }
	change(t, db, row.RepositoryID, func(i *store.Import) { i.State.Status = rehome.Importing }) // as it runs already
	change(t, db, row.RepositoryID, stop)
	newImport(t, db, third.ID)
	again := func(_ *store.Tx, i *store.Import) error {
		i.State = rehome.State{Status: rehome.Importing}
		return nil
	}
	_, err = db.ChangeImport(ctx, row.RepositoryID, again)
	refused(err)
	_, err = db.CreateImport(ctx, startingImport(row.RepositoryID), again)
	refused(err)
	if row, err = db.ImportByID(ctx, ids[1]); err != nil || row.State.Status != rehome.Failed {
		t.Errorf("a refused start left %+v, %v", row.State, err)
	}
	change(t, db, third.ID, stop)
	_, err = db.ChangeImport(ctx, row.RepositoryID, again)
	must(t, err)
}

func testQueuedAtOnce(t *testing.T, db *store.DB) {
	repositories := make([]rehome.Repository, 20)
	for n := range repositories {
		repositories[n] = newRepository(t, db, "ada", fmt.Sprint("r", n))
	}
	var made atomic.Int64
	together(len(repositories), func(n int) {
		_, err := db.CreateImport(context.Background(), startingImport(repositories[n].ID), nil)
		if err == nil {
			made.Add(1)
		} else if rehome.CodeOf(err) != rehome.Invalid {
			t.Error(err)
		}
	})
	if made.Load() != 5 {
		t.Errorf("%d were made, want 5", made.Load())
	}
}
