package storetest

import (
	"fmt"
	"testing"

	"rehome"
	"rehome/internal/store"
)

func testShapes(t *testing.T, db *store.DB) {
	ctx := t.Context()
	r, other := newRepository(t, db, "octocat", "one"), newRepository(t, db, "octocat", "two")
	i, of := newImport(t, db, r.ID), newImport(t, db, other.ID)
	set := func(body []byte) {
		t.Helper()
		change(t, db, r.ID, func(*store.Import) {}, func(tx *store.Tx, i *store.Import) error { return tx.SetShape(ctx, i.ID, body) })
	}
	_, err := db.Shape(ctx, i.ID)
	wantCode(t, err, rehome.NotFound)
	for _, body := range []string{"first", "\x00\xff second", ""} {
		set([]byte(body))
		got, err := db.Shape(ctx, i.ID)
		must(t, err)
		if string(got) != body {
			t.Errorf("shape %q, want %q", got, body)
		}
	}
	_, err = db.Shape(ctx, of.ID)
	wantCode(t, err, rehome.NotFound)
	set(nil)
	_, err = db.Shape(ctx, i.ID)
	wantCode(t, err, rehome.NotFound)
	set(nil)
}

// testMapped asks for more identities than one statement takes, of two imports that have some in common.
func testMapped(t *testing.T, db *store.DB) {
	ctx := t.Context()
	r, other := newRepository(t, db, "octocat", "one"), newRepository(t, db, "octocat", "two")
	var authors []rehome.Author
	for n := range 600 {
		authors = append(authors, rehome.Author{RemoteName: fmt.Appendf(nil, "n%d", n), RemoteMail: []byte("m"), Name: fmt.Sprintf("N%d", n), Email: "M"})
	}
	odd := []rehome.Author{
		{RemoteName: []byte("Z\xff\x00'"), RemoteMail: []byte("z@x"), Name: "Z\xfe", Email: "z@y"},
		{RemoteName: []byte("z\xff\x00'"), RemoteMail: []byte("z@x"), Name: "small", Email: "z@y"},
		{Name: "nobody", Email: ""},
		{RemoteMail: []byte("n0"), Name: "the other way round", Email: "e"},
	}
	authors = append(authors, odd...)
	i := change(t, db, newImportOf(t, db, r.ID), func(*store.Import) {}, func(tx *store.Tx, i *store.Import) error {
		_, err := tx.AddAuthors(ctx, i, authors)
		return err
	})
	elsewhere := change(t, db, newImportOf(t, db, other.ID), func(*store.Import) {}, func(tx *store.Tx, i *store.Import) error {
		_, err := tx.AddAuthors(ctx, i, []rehome.Author{{RemoteName: []byte("n1"), RemoteMail: []byte("m"), Name: "elsewhere", Email: "e"}, {RemoteName: []byte("only here")}})
		return err
	})
	ask := []rehome.Identity{{Name: "only here"}, {Name: "n1", Mail: "M"}}
	want := map[rehome.Identity]rehome.Identity{}
	for _, a := range authors {
		ask = append(ask, a.Remote(), a.Remote())
		want[a.Remote()] = rehome.Identity{Name: a.Name, Mail: a.Email}
	}
	wantMapped(t, db, i.ID, ask, want)
	wantMapped(t, db, i.ID, ask[len(ask)-500:], wantOnly(want, ask[len(ask)-500:]))
	wantMapped(t, db, i.ID, nil, nil)
	wantMapped(t, db, elsewhere.ID, ask, map[rehome.Identity]rehome.Identity{{Name: "only here"}: {}, {Name: "n1", Mail: "m"}: {Name: "elsewhere", Mail: "e"}})
}

// newImportOf makes an import and returns its repository's id.
func newImportOf(t *testing.T, db *store.DB, repositoryID int64) int64 {
	t.Helper()
	newImport(t, db, repositoryID)
	return repositoryID
}

func wantOnly(all map[rehome.Identity]rehome.Identity, of []rehome.Identity) map[rehome.Identity]rehome.Identity {
	some := map[rehome.Identity]rehome.Identity{}
	for _, i := range of {
		some[i] = all[i]
	}
	return some
}

func wantMapped(t *testing.T, db *store.DB, importID int64, ask []rehome.Identity, want map[rehome.Identity]rehome.Identity) {
	t.Helper()
	got, err := db.Mapped(t.Context(), importID, ask)
	must(t, err)
	if len(got) != len(want) {
		t.Errorf("%d of %d asked for are mapped, want %d", len(got), len(ask), len(want))
	}
	for remote, to := range want {
		if got[remote] != to {
			t.Errorf("%q is mapped to %q, want %q", remote, got[remote], to)
		}
	}
}
