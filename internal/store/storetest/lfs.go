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
	must(t, db.DeleteRepository(ctx, one.ID))
	wantLFSCount(t, db, one.ID, 0, 0)
	wantLFSCount(t, db, two.ID, 1, 7)
	wantCode(t, db.AddLFSObjects(ctx, one.ID, objects[:1]), rehome.NotFound)
}

func wantLFSCount(t *testing.T, db *store.DB, repositoryID, objects, bytes int64) {
	t.Helper()
	n, size, err := db.LFSCount(t.Context(), repositoryID)
	must(t, err)
	if n != objects || size != bytes {
		t.Errorf("repository %d counts %d LFS objects of %d bytes, want %d of %d", repositoryID, n, size, objects, bytes)
	}
}
