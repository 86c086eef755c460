package storetest

import (
	"cmp"
	"errors"
	"reflect"
	"slices"
	"testing"

	"rehome"
	"rehome/internal/store"
)

func testAuthors(t *testing.T, db *store.DB) {
	ctx := t.Context()
	r := newRepository(t, db, "octocat", "one")
	i := newImport(t, db, r.ID)
	batch := []rehome.Author{
		{RemoteName: []byte("Z\xff"), RemoteMail: []byte("z@x"), Name: "Z\ufffd", Email: "z@x"},
		{RemoteName: nil, RemoteMail: []byte("z@x"), Email: "z@x"},
		{RemoteName: []byte("z\xff"), RemoteMail: []byte("Z@x")},
		{RemoteName: []byte("Z\xff"), RemoteMail: []byte("z@x")},
	}
	for run, want := range []int{3, 0} { // the second raw run finds nothing new
		row := change(t, db, r.ID, func(i *store.Import) {}, func(tx *store.Tx, i *store.Import) error {
			added, err := tx.AddAuthors(ctx, i, batch)
			if len(added) != want {
				t.Errorf("run %d added %d, want %d", run, len(added), want)
			}
			return err
		})
		if row.Found.Authors != 3 {
			t.Errorf("run %d counts %d authors, want 3", run, row.Found.Authors)
		}
	}
	all, err := db.Authors(ctx, i.ID, 0, 10)
	must(t, err)
	if len(all) != 3 || string(all[0].RemoteName) != "Z\xff" || all[0].ID >= all[1].ID || all[1].ID >= all[2].ID || all[0].Name != "Z\ufffd" {
		t.Errorf("authors: %+v", all)
	}
	rest, err := db.Authors(ctx, i.ID, all[0].ID, 1)
	must(t, err)
	if len(rest) != 1 || rest[0].ID != all[1].ID {
		t.Errorf("authors since %d, one: %+v", all[0].ID, rest)
	}
	testAuthorsAt(t, db, i.ID, all)
}

// testAuthorsAt has pages of three identities without some of them, and none of another import's.
func testAuthorsAt(t *testing.T, db *store.DB, importID int64, all []rehome.Author) {
	t.Helper()
	many := make([]int64, 600) // of ids that the import does not have
	for n := range many {
		many[n] = -int64(n) - 1
	}
	for _, c := range []struct {
		but           []int64
		offset, limit int
		want          []rehome.Author
	}{
		{nil, 0, 9, all},
		{nil, 1, 1, all[1:2]},
		{[]int64{all[0].ID}, 0, 9, all[1:]},
		{[]int64{all[1].ID}, 1, 9, all[2:]},
		{[]int64{all[2].ID, all[0].ID}, 0, 1, all[1:2]},
		{append(many, all[1].ID), 0, 2, []rehome.Author{all[0], all[2]}},
		{[]int64{all[0].ID, all[1].ID, all[2].ID}, 0, 9, nil},
		{nil, 0, 0, nil},
		{[]int64{all[0].ID}, 3, 9, nil},
	} {
		page, total, err := db.AuthorsAt(t.Context(), importID, c.but, c.offset, c.limit)
		must(t, err)
		if total != len(all) || len(page) != len(c.want) || len(page) > 0 && !reflect.DeepEqual(page, c.want) {
			t.Errorf("without %v, %d from %d: %+v of %d, want %+v", c.but[max(len(c.but)-3, 0):], c.limit, c.offset, page, total, c.want)
		}
	}
	of, err := db.AuthorsOf(t.Context(), importID, []rehome.Identity{{Name: "nobody"}, all[1].Remote(), all[0].Remote(), all[0].Remote()})
	must(t, err)
	slices.SortFunc(of, func(a, b rehome.Author) int { return cmp.Compare(a.ID, b.ID) })
	if !reflect.DeepEqual(of, all[:2]) {
		t.Errorf("two by what they are called: %+v, want %+v", of, all[:2])
	}
}

func testAuthorMaps(t *testing.T, db *store.DB) {
	ctx := t.Context()
	r, other := newRepository(t, db, "octocat", "one"), newRepository(t, db, "octocat", "two")
	i := newImport(t, db, r.ID)
	newImport(t, db, other.ID)
	if _, ok, err := db.AuthorMap(ctx, i.ID, 0); ok || err != nil {
		t.Errorf("a map before there is one: %v, %v", ok, err)
	}
	for n, body := range []string{"first", "second"} {
		change(t, db, r.ID, func(*store.Import) {}, func(tx *store.Tx, i *store.Import) error {
			return tx.SetAuthorMap(ctx, i.ID, store.AuthorMap{Kind: "k", Body: []byte(body)})
		})
		got, ok, err := db.AuthorMap(ctx, i.ID, int64(n))
		must(t, err)
		if !ok || got.Version != int64(n)+1 || got.Kind != "k" || string(got.Body) != body {
			t.Errorf("map %d: %+v, %v", n, got, ok)
		}
	}
	if _, ok, err := db.AuthorMap(ctx, i.ID, 2); ok || err != nil {
		t.Errorf("a map newer than the newest: %v, %v", ok, err)
	}
	testMapping(t, db, r.ID, other.ID)
}

// testMapping maps an author, and finds it under its own import only.
func testMapping(t *testing.T, db *store.DB, repositoryID, otherID int64) {
	t.Helper()
	ctx := t.Context()
	row := change(t, db, repositoryID, func(*store.Import) {}, func(tx *store.Tx, i *store.Import) error {
		_, err := tx.AddAuthors(ctx, i, []rehome.Author{{RemoteName: []byte("a"), Name: "a"}, {RemoteName: []byte("b"), Name: "b"}})
		if err != nil {
			return err
		}
		all, err := tx.Authors(ctx, i.ID)
		if err != nil || len(all) != 2 {
			t.Errorf("authors: %+v, %v", all, err)
			return err
		}
		all[1].Name, all[1].Email, all[1].RemoteName = "B", "b@x", []byte("never")
		err = tx.MapAuthors(ctx, i.ID, all[1:])
		got, errGet := tx.Author(ctx, i.ID, all[1].ID)
		if got.Name != "B" || got.Email != "b@x" || string(got.RemoteName) != "b" {
			t.Errorf("mapped: %+v", got)
		}
		return errors.Join(err, errGet)
	})
	all, err := db.Authors(ctx, row.ID, 0, 0)
	must(t, err)
	if all[0].Name != "a" || all[1].Name != "B" {
		t.Errorf("after mapping one: %+v", all)
	}
	change(t, db, otherID, func(*store.Import) {}, func(tx *store.Tx, i *store.Import) error {
		_, err := tx.Author(ctx, i.ID, all[0].ID)
		wantCode(t, err, rehome.NotFound)
		return tx.MapAuthors(ctx, i.ID, []rehome.Author{{ID: all[0].ID, Name: "stolen"}})
	})
	again, err := db.Authors(ctx, row.ID, 0, 1)
	must(t, err)
	if again[0].Name != "a" {
		t.Errorf("another import mapped %+v", again[0])
	}
}
