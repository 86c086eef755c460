package claim_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/bucket"
	"rehome/internal/claim"
	"rehome/internal/lfs"
	"rehome/internal/store"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newDB(t *testing.T) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "rehome.db"))
	must(t, err)
	t.Cleanup(func() { db.Close() })
	return db
}

// pair gives a database a new bucket.
func pair(t *testing.T, db *store.DB) claim.Pair {
	t.Helper()
	b, err := bucket.NewFolder(t.TempDir())
	must(t, err)
	return claim.Pair{DB: db, Bucket: b, Name: bucket.Name(b), Scratch: t.TempDir()}
}

// name has the database name a Git LFS object, whose bytes come into the buckets given.
func name(t *testing.T, db *store.DB, in ...bucket.Bucket) {
	t.Helper()
	owner, err := db.CreateOwner(t.Context(), rehome.Owner{Login: "ada", Kind: rehome.User})
	must(t, err)
	r, err := db.CreateRepository(t.Context(), rehome.Repository{Owner: owner, Name: "one"})
	must(t, err)
	oid, err := lfs.ParseOID(strings.Repeat("ab", 32))
	must(t, err)
	must(t, db.AddLFSObjects(t.Context(), r.ID, []store.LFSObject{{OID: oid.String(), Size: 4}}))
	for _, b := range in {
		file := filepath.Join(t.TempDir(), "film")
		must(t, os.WriteFile(file, []byte("film"), 0o600))
		must(t, b.Put(t.Context(), lfs.Key(oid), file))
	}
}

// refuses wants an error that says and advises so.
func refuses(t *testing.T, err error, message, hint string) {
	t.Helper()
	var known *rehome.Error
	if !errors.As(err, &known) || !strings.Contains(known.Message, message) || !strings.Contains(known.Hint, hint) {
		t.Errorf("got %v (%+v), want %q with the advice %q", err, known, message, hint)
	}
}

// A bucket belongs to the database that took it first, and that database to it.
func TestTake(t *testing.T) {
	one, two := newDB(t), newDB(t)
	ours := pair(t, one)
	for range 2 {
		must(t, ours.Verify(t.Context()))
		must(t, ours.Take(t.Context()))
	}
	theirs := ours
	theirs.DB = two
	refuses(t, theirs.Take(t.Context()), "belongs to another database", "rehome adopt-bucket")
	elsewhere := pair(t, one)
	refuses(t, elsewhere.Take(t.Context()), "another one than "+elsewhere.Name+": "+ours.Name, "Give --bucket '"+ours.Name+"'.")
	if owner, err := claim.Owner(t.Context(), elsewhere.Bucket); owner != "" || err != nil {
		t.Errorf("refused, and belongs to %q, %v", owner, err)
	}
	elsewhere.DB = two
	must(t, elsewhere.Take(t.Context()))
	ours.Bucket, ours.Name = elsewhere.Bucket, elsewhere.Name
	refuses(t, ours.Take(t.Context()), "belongs to another database. This one's is ", "Give --bucket")
}

// What the bucket bears counts, not what it is called; one that lost that may be a folder that is not mounted.
func TestMoved(t *testing.T) {
	db := newDB(t)
	p := pair(t, db)
	p.Name = claim.InData
	must(t, p.Take(t.Context()))
	p.Name = "elsewhere"
	must(t, p.Verify(t.Context()))
	if bond, err := db.Bond(t.Context()); err != nil || bond.Bucket != claim.InData {
		t.Errorf("verified, and remembers %+v, %v", bond, err)
	}
	must(t, p.Take(t.Context()))
	if bond, err := db.Bond(t.Context()); err != nil || bond.Bucket != "elsewhere" {
		t.Errorf("remembers %+v, %v", bond, err)
	}
	must(t, p.Bucket.Remove(t.Context(), claim.Key))
	refuses(t, p.Take(t.Context()), "is not what it was: the object rehome-database is gone", "mounted")
	if owner, err := claim.Owner(t.Context(), p.Bucket); owner != "" || err != nil {
		t.Errorf("refused, and belongs to %q, %v", owner, err)
	}
	if _, err := p.Adopt(t.Context()); err != nil {
		t.Error(err)
	}
	must(t, p.Take(t.Context()))
	must(t, p.Bucket.Remove(t.Context(), claim.Key))
	p.Name = claim.InData
	refuses(t, p.Take(t.Context()), "another one than the data folder's own: elsewhere", "adopt-bucket")
}

// A database that knows no bucket yet, as from before there were names or from a backup, takes one that has what it names.
func TestOldDatabases(t *testing.T) {
	db := newDB(t)
	full, empty := pair(t, db), pair(t, db)
	name(t, db, full.Bucket)
	refuses(t, empty.Verify(t.Context()), "Nothing of what the database names is in the bucket", "--bucket")
	refuses(t, empty.Take(t.Context()), "Nothing of what the database names is in the bucket", "--bucket")
	must(t, full.Take(t.Context()))
	refuses(t, empty.Take(t.Context()), "another one", full.Name)
}

// A bucket changes hands when that is asked for, unless it would be robbed.
func TestAdopt(t *testing.T) {
	before, after := newDB(t), newDB(t)
	p := pair(t, before)
	name(t, before, p.Bucket)
	must(t, p.Take(t.Context()))
	name(t, after)
	robbed := pair(t, newDB(t))
	must(t, robbed.Take(t.Context()))
	robbed.DB = after
	_, err := robbed.Adopt(t.Context())
	refuses(t, err, "belongs to another database, and nothing of what this one names is in it", "would be removed")

	p.DB = after
	for range 2 {
		if empty, err := p.Adopt(t.Context()); empty || err != nil {
			t.Errorf("adopt: %v, %v", empty, err)
		}
	}
	must(t, p.Take(t.Context()))
	p.DB = before
	refuses(t, p.Take(t.Context()), "belongs to another database", "adopt-bucket")

	p = pair(t, after) // all is lost
	refuses(t, p.Take(t.Context()), "another one", "adopt-bucket")
	if empty, err := p.Adopt(t.Context()); !empty || err != nil {
		t.Errorf("adopt an empty one: %v, %v", empty, err)
	}
	must(t, p.Take(t.Context()))
}
