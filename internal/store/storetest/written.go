package storetest

import (
	"testing"

	"rehome/internal/store"
)

func testWritten(t *testing.T, db *store.DB) {
	ctx := t.Context()
	r := newRepository(t, db, "octocat", "one")
	newImport(t, db, r.ID)
	for _, refs := range [][]store.WrittenRef{
		{{Name: "refs/heads/main", Writing: "aa", Earlier: "dd ee"}, {Name: "refs/heads/\xff", Writing: "bb", Earlier: "dd 00"}},
		{{Name: "refs/heads/main", Wrote: "aa", Source: "cc"}},
	} {
		change(t, db, r.ID, func(*store.Import) {}, func(tx *store.Tx, _ *store.Import) error { return tx.SetWritten(ctx, r.ID, refs) })
	}
	_, err := db.DeleteImport(ctx, r.ID, nil)
	must(t, err)
	got, err := db.WrittenRefs(ctx, r.ID)
	must(t, err)
	if len(got) != 2 || got["refs/heads/main"] != (store.WrittenRef{Name: "refs/heads/main", Wrote: "aa", Source: "cc"}) {
		t.Errorf("written refs: %+v", got)
	}
	other := got["refs/heads/\xff"]
	for is, want := range map[string]bool{"bb": true, "dd": true, "": true, "aa": false} {
		if other.MayBe(is) != want {
			t.Errorf("it may be %q: %v", is, !want)
		}
	}
	if other.Unproven("dd") != "00 bb" || (store.WrittenRef{}).MayBe("") {
		t.Errorf("unproven but for one: %q", other.Unproven("dd"))
	}
	newImport(t, db, r.ID)
	change(t, db, r.ID, func(*store.Import) {}, func(tx *store.Tx, _ *store.Import) error {
		return tx.DropWritten(ctx, r.ID, []string{"refs/heads/\xff", "refs/heads/never"})
	})
	if got, err = db.WrittenRefs(ctx, r.ID); err != nil || len(got) != 1 || got["refs/heads/main"].Wrote != "aa" {
		t.Errorf("once one was dropped: %+v, %v", got, err)
	}
}
