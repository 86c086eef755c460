package store_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"rehome"
	"rehome/internal/store"
)

// A raw step stores identities while history streams in.
func BenchmarkAddAuthors(b *testing.B) {
	db, err := store.Open(b.Context(), filepath.Join(b.TempDir(), "rehome.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	lease := leased(b, db)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		batch := make([]rehome.Author, 1000)
		for k := range batch {
			batch[k] = rehome.Author{RemoteName: fmt.Appendf(nil, "%d", n*1000+k), RemoteMail: []byte("m")}
		}
		_, err := db.Advance(b.Context(), lease, func(t *store.Tx, i *store.Import) error {
			_, err := t.AddAuthors(b.Context(), i, batch)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
