package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"rehome"
	"rehome/internal/store"
)

func aDestination(repositoryID int64) store.Destination {
	return store.Destination{
		RepositoryID: repositoryID, Credentials: []byte{0, 1}, Key: []byte{2, 0},
		Destination: rehome.Destination{
			URL: "git@new.example:a/b.git", Create: true, Visibility: rehome.InternalVisibility,
			OnDivergence: rehome.Overwrite, SSHPublicKey: "ssh-ed25519 AAAA",
		},
	}
}

func setDestination(t *testing.T, db *store.DB, d store.Destination) {
	t.Helper()
	_, err := db.ChangeDestination(t.Context(), d.RepositoryID, func(_ *store.Tx, have *store.Destination, _ *store.Import) error {
		*have = d
		return nil
	})
	must(t, err)
}

func wantDestination(t *testing.T, db *store.DB, want store.Destination) {
	t.Helper()
	got, err := db.Destination(t.Context(), want.RepositoryID)
	must(t, err)
	if got.Destination != want.Destination || got.RepositoryID != want.RepositoryID ||
		string(got.Credentials) != string(want.Credentials) || string(got.Key) != string(want.Key) {
		t.Errorf("destination: %+v, want %+v", got, want)
	}
}

func testDestinations(t *testing.T, db *store.DB) {
	ctx := t.Context()
	r, other := newRepository(t, db, "octocat", "one"), newRepository(t, db, "octocat", "two")
	_, err := db.Destination(ctx, r.ID)
	wantCode(t, err, rehome.NotFound)
	d := aDestination(r.ID)
	setDestination(t, db, d) // before there is an import
	wantDestination(t, db, d)
	_, err = db.Destination(ctx, other.ID)
	wantCode(t, err, rehome.NotFound)

	for _, read := range []func() (store.Import, error){
		func() (store.Import, error) { return newImport(t, db, r.ID), nil },
		func() (store.Import, error) { return db.ImportOf(ctx, r.ID) },
		func() (store.Import, error) {
			return change(t, db, r.ID, func(i *store.Import) { i.State.Note = "n" }), nil
		},
	} {
		i, err := read()
		must(t, err)
		if i.Destination != d.Destination {
			t.Errorf("an import's destination: %+v", i.Destination)
		}
	}
	d.URL, d.Create, d.Key, d.SSHPublicKey, d.Visibility = "https://new.example/a.git", false, nil, "", ""
	setDestination(t, db, d)
	wantDestination(t, db, d)
	change(t, db, r.ID, func(*store.Import) {}, func(tx *store.Tx, _ *store.Import) error { return tx.DropDestination(ctx, r.ID) })
	_, err = db.Destination(ctx, r.ID)
	wantCode(t, err, rehome.NotFound)

	setDestination(t, db, d)
	deleteRepository(t, db, r.ID)
	_, err = db.Destination(ctx, r.ID)
	wantCode(t, err, rehome.NotFound)
	_, err = db.ChangeDestination(ctx, r.ID, nil)
	wantCode(t, err, rehome.NotFound)
}

// A destination and its import change together or not at all.
func testChangedDestinations(t *testing.T, db *store.DB) {
	ctx := t.Context()
	r := newRepository(t, db, "octocat", "one")
	before := newImport(t, db, r.ID)
	d := aDestination(r.ID)
	setDestination(t, db, d)
	broken := errors.New("broken")
	for _, refused := range []error{broken, store.ErrUnchanged, nil} {
		_, err := db.ChangeDestination(ctx, r.ID, func(tx *store.Tx, have *store.Destination, i *store.Import) error {
			if have.Destination != d.Destination || i == nil || i.ID != before.ID {
				t.Errorf("to be changed: %+v of %+v", have, i)
			}
			have.URL, i.State.Note = "https://other.example/", "changed"
			if refused == nil {
				i.State.Status = rehome.Complete // it cannot become that yet
			}
			return refused
		})
		if refused == broken && !errors.Is(err, broken) || refused == store.ErrUnchanged && err != nil || refused == nil && err == nil {
			t.Errorf("with %v: %v", refused, err)
		}
		wantDestination(t, db, d)
	}
	_, err := db.ChangeDestination(ctx, r.ID, func(_ *store.Tx, have *store.Destination, i *store.Import) error {
		have.URL, i.State.Note = "https://other.example/", "changed"
		return nil
	})
	must(t, err)
	i, err := db.ImportOf(ctx, r.ID)
	must(t, err)
	if i.Destination.URL != "https://other.example/" || i.State.Note != "changed" {
		t.Errorf("changed: %+v", i)
	}
}

// With an import goes all that signs in for it; where it went to stays known.
func testForgottenSecrets(t *testing.T, db *store.DB) {
	ctx := t.Context()
	r := newRepository(t, db, "octocat", "one")
	setDestination(t, db, aDestination(r.ID))
	for _, del := range []func(context.Context, int64, func(*store.Tx, store.Import) error) (int64, error){db.DeleteImport, db.DeleteRepository} {
		newImport(t, db, r.ID)
		change(t, db, r.ID, func(i *store.Import) {
			i.Credentials, i.Key, i.Source.SSHPublicKey = []byte("a"), []byte("b"), "ssh-ed25519 BBBB"
		})
		id, err := del(ctx, r.ID, nil)
		must(t, err)
		gone, err := db.ImportByID(ctx, id)
		must(t, err)
		if gone.Credentials != nil || gone.Key != nil || gone.Source.SSHPublicKey != "" {
			t.Errorf("of a deleted import is left: %+v", gone)
		}
		if _, err := db.RepositoryByID(ctx, r.ID); err == nil {
			want := aDestination(r.ID)
			want.Credentials, want.Key, want.SSHPublicKey = nil, nil, ""
			wantDestination(t, db, want)
		}
	}
}

// What rests is due when its next sync has come, after what has waited for longer.
func testDueSyncs(t *testing.T, db *store.DB) {
	ctx := t.Context()
	past := time.Now().Add(-time.Hour)
	resting := func(name string, next time.Time, s rehome.Status) store.Import {
		r := newRepository(t, db, "octocat", name)
		newImport(t, db, r.ID)
		for _, s := range []rehome.Status{rehome.Importing, rehome.Mapping, rehome.Pushing, s} {
			change(t, db, r.ID, func(i *store.Import) { i.State.Status = s })
		}
		return change(t, db, r.ID, func(i *store.Import) { i.NextSyncAt = next })
	}
	second := resting("second", past, rehome.Complete)
	first := resting("first", past.Add(-time.Hour), rehome.Failed)
	resting("later", time.Now().Add(time.Hour), rehome.Complete)
	resting("never", time.Time{}, rehome.Complete)
	last := newImport(t, db, newRepository(t, db, "octocat", "runs").ID)
	wantDue(t, db, first.ID, second.ID, last.ID)
	if ids, err := db.Due(ctx, 1); err != nil || len(ids) != 1 || ids[0] != first.ID {
		t.Errorf("the first: %v, %v", ids, err)
	}
	lease, ok, err := db.Acquire(ctx, first.ID, "a/1", time.Hour)
	if err != nil || !ok {
		t.Fatalf("a sync that is due: %v, %v", ok, err)
	}
	wantDue(t, db, second.ID, last.ID)
	must(t, db.Release(ctx, lease))
	change(t, db, first.RepositoryID, func(i *store.Import) { i.ClosedAt = past })
	wantDue(t, db, second.ID, last.ID)
	if _, ok, err := db.Acquire(ctx, first.ID, "a/1", time.Hour); err != nil || ok {
		t.Errorf("a closed import: %v, %v", ok, err)
	}
	change(t, db, second.RepositoryID, func(i *store.Import) { i.State.Status = rehome.Importing }) // it runs instead
	wantDue(t, db, second.ID, last.ID)
}
