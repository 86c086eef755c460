package storetest

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"rehome"
	"rehome/internal/store"
)

func wantKey(t *testing.T, db *store.DB, want bool) {
	t.Helper()
	if has, err := db.HasKey(t.Context()); err != nil || has != want {
		t.Errorf("it has a key: %v, %v; want %v", has, err, want)
	}
}

func opensNothing([]byte) bool { return false }

// The key of the first process is the database's.
func testKeys(t *testing.T, db *store.DB) {
	ctx := t.Context()
	wantKey(t, db, false)
	must(t, db.HoldKey(ctx, "one", opensNothing)) // there is nothing to open
	wantKey(t, db, true)
	must(t, db.HoldKey(ctx, "one", opensNothing))
	if err := db.HoldKey(ctx, "other", func([]byte) bool { return true }); !errors.Is(err, store.ErrOtherKey) {
		t.Errorf("another key: %v", err)
	}
	must(t, db.ReplaceKey(ctx, "other"))
	must(t, db.HoldKey(ctx, "other", opensNothing))
	if err := db.HoldKey(ctx, "one", opensNothing); !errors.Is(err, store.ErrOtherKey) {
		t.Errorf("the key before: %v", err)
	}
}

// A database that is older than fingerprints, or restored, takes a key that opens something; whatever is sealed counts.
func testFirstKeys(t *testing.T, empty func(t *testing.T) string, open func(t *testing.T, where string, o store.Options) *store.DB) {
	ours := []byte("sealed with ours")
	for name, put := range map[string]func(*store.Tx, *store.Import) error{
		"credentials": func(_ *store.Tx, i *store.Import) error { i.Credentials = ours; return nil },
		"key":         func(_ *store.Tx, i *store.Import) error { i.Key = ours; return nil },
		"destination": func(tx *store.Tx, i *store.Import) error {
			return tx.SetDestination(t.Context(), store.Destination{RepositoryID: i.RepositoryID, Destination: rehome.Destination{URL: "https://forge.example/a"}, Credentials: ours})
		},
		"destination's key": func(tx *store.Tx, i *store.Import) error {
			return tx.SetDestination(t.Context(), store.Destination{RepositoryID: i.RepositoryID, Destination: rehome.Destination{URL: "ssh://forge.example/a"}, Key: ours})
		},
	} {
		t.Run(name, func(t *testing.T) {
			db := open(t, empty(t), store.Options{})
			r := newRepository(t, db, "ada", "r")
			newImport(t, db, r.ID)
			change(t, db, r.ID, func(*store.Import) {}, put)
			wantFirstKey(t, db, ours)
		})
	}
	t.Run("hook", func(t *testing.T) {
		db := open(t, empty(t), store.Options{})
		r := newRepository(t, db, "ada", "r")
		_, err := db.CreateHook(t.Context(), store.Hook{Hook: rehome.Hook{Target: rehome.HookTarget{RepositoryID: r.ID}, URL: "https://ci.example"}, Secret: ours}, 20)
		must(t, err)
		wantFirstKey(t, db, ours)
	})
}

func wantFirstKey(t *testing.T, db *store.DB, sealed []byte) {
	t.Helper()
	wantKey(t, db, true)
	if err := db.HoldKey(t.Context(), "other", opensNothing); !errors.Is(err, store.ErrOtherKey) {
		t.Errorf("a key that opens nothing: %v", err)
	}
	must(t, db.HoldKey(t.Context(), "ours", func(given []byte) bool { return string(given) == string(sealed) }))
}

// Of processes that start at once with keys of their own one is right.
func testKeysAtOnce(t *testing.T, db *store.DB) {
	var held atomic.Int64
	together(8, func(n int) {
		err := db.HoldKey(context.Background(), string(rune('a'+n)), opensNothing)
		if err == nil {
			held.Add(1)
		} else if !errors.Is(err, store.ErrOtherKey) {
			t.Error(err)
		}
	})
	if held.Load() != 1 {
		t.Errorf("%d keys were held, want 1", held.Load())
	}
}
