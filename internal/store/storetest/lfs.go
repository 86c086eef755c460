package storetest

import (
	"fmt"
	"testing"

	"rehome"
	"rehome/internal/store"
)

func testLFSObjects(t *testing.T, db *store.DB) {
	ctx := t.Context()
	one, two := newRepository(t, db, "octocat", "one"), newRepository(t, db, "octocat", "two")
	const many = 20_000
	objects, oids := make([]store.LFSObject, many), make([]string, many)
	for n := range objects {
		oids[n] = fmt.Sprintf("%064x", n)
		objects[n] = store.LFSObject{OID: oids[n], Size: int64(n)}
	}
	must(t, db.AddLFSObjects(ctx, one.ID, objects))
	must(t, db.AddLFSObjects(ctx, one.ID, objects[many-3:])) // again
	must(t, db.AddLFSObjects(ctx, one.ID, nil))
	must(t, db.AddLFSObjects(ctx, two.ID, []store.LFSObject{objects[7], objects[7]}))
	got, err := db.LFSObjects(ctx, one.ID, append([]string{fmt.Sprintf("%064x", many), "odd \"'"}, oids...))
	must(t, err)
	if len(got) != many || got[oids[many-1]] != many-1 {
		t.Errorf("%d objects of %d, the last of %d bytes", len(got), many, got[oids[many-1]])
	}
	got, err = db.LFSObjects(ctx, two.ID, oids)
	must(t, err)
	if size, ok := got[oids[7]]; len(got) != 1 || !ok || size != 7 {
		t.Errorf("another repository has %v", got)
	}
	wantLFSCount(t, db, one.ID, many, many*(many-1)/2)
	wantLFSCount(t, db, two.ID, 1, 7)
	deleteRepository(t, db, one.ID)
	wantLFSCount(t, db, one.ID, 0, 0)
	wantLFSCount(t, db, two.ID, 1, 7)
	wantCode(t, db.AddLFSObjects(ctx, one.ID, objects[:1]), rehome.NotFound)
}

// What only a rewrite made goes when it is not pointed to any more; all else stays.
func testConvertedLFSObjects(t *testing.T, db *store.DB) {
	ctx := t.Context()
	r, other := newRepository(t, db, "octocat", "one"), newRepository(t, db, "octocat", "two")
	newImport(t, db, r.ID)
	var objects [5]store.LFSObject
	for n := range objects {
		objects[n] = store.LFSObject{OID: fmt.Sprintf("%064x", n), Size: 1 << n}
	}
	in := func(do func(tx *store.Tx) error) {
		t.Helper()
		change(t, db, r.ID, func(*store.Import) {}, func(tx *store.Tx, _ *store.Import) error { return do(tx) })
	}
	convert := func(id int64, made ...store.LFSObject) {
		t.Helper()
		in(func(tx *store.Tx) error { return tx.AddConvertedLFS(ctx, id, made) })
	}
	drop := func(want int64, except ...store.LFSObject) {
		t.Helper()
		in(func(tx *store.Tx) error { return tx.DropConvertedLFS(ctx, r.ID, except) })
		_, bytes, err := db.LFSCount(ctx, r.ID)
		must(t, err)
		if bytes != want {
			t.Errorf("left is %05b, want %05b", bytes, want)
		}
	}
	must(t, db.AddLFSObjects(ctx, r.ID, objects[:1]))
	convert(r.ID, objects[0], objects[1], objects[1], objects[2], objects[3])
	convert(other.ID, objects[:]...)
	must(t, db.AddLFSObjects(ctx, r.ID, objects[3:4])) // comes another way, too
	convert(r.ID, objects[3])
	drop(0b01111, objects[1], objects[2], objects[4])
	drop(0b01011, objects[1])
	drop(0b01001)
	convert(r.ID, objects[2])
	drop(0b01101, objects[2])
	wantLFSCount(t, db, other.ID, 5, 31)
}

func wantLFSCount(t *testing.T, db *store.DB, repositoryID, objects, bytes int64) {
	t.Helper()
	n, size, err := db.LFSCount(t.Context(), repositoryID)
	must(t, err)
	if n != objects || size != bytes {
		t.Errorf("repository %d counts %d LFS objects of %d bytes, want %d of %d", repositoryID, n, size, objects, bytes)
	}
}
