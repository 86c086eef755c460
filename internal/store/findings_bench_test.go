package store_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"rehome"
	"rehome/internal/store"
)

// A raw step stores all large files in one transaction, in which other writers wait.
func BenchmarkSetLargeFiles(b *testing.B) {
	db, err := store.Open(b.Context(), filepath.Join(b.TempDir(), "rehome.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	lease := leased(b, db)
	files := make([]rehome.LargeFile, 10_000)
	for n := range files {
		files[n] = rehome.LargeFile{Ref: "refs/heads/main", Path: fmt.Appendf(nil, "media/%d.bin", n), OID: rehome.ObjectID(fmt.Sprintf("%040x", n)), Size: 1}
	}
	b.ReportAllocs()
	for b.Loop() {
		_, err := db.Advance(b.Context(), lease, func(t *store.Tx, i *store.Import) error { return t.SetLargeFiles(b.Context(), i, files) })
		if err != nil {
			b.Fatal(err)
		}
	}
}

// leased makes an import and takes its lease.
func leased(b *testing.B, db *store.DB) store.Lease {
	b.Helper()
	o, err := db.CreateOwner(b.Context(), rehome.Owner{Login: "octocat", Kind: rehome.User})
	if err != nil {
		b.Fatal(err)
	}
	r, err := db.CreateRepository(b.Context(), rehome.Repository{Owner: o, Name: "one"})
	if err != nil {
		b.Fatal(err)
	}
	row, err := db.CreateImport(b.Context(), store.Import{Import: rehome.Import{RepositoryID: r.ID, State: rehome.State{Status: rehome.Importing}}}, nil)
	if err != nil {
		b.Fatal(err)
	}
	lease, _, err := db.Acquire(b.Context(), row.ID, "bench", time.Hour)
	if err != nil {
		b.Fatal(err)
	}
	return lease
}
