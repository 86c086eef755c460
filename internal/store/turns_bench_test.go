package store_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"rehome"
	"rehome/internal/store"
	"rehome/internal/testenv"
)

// Ten thousand imports of a thousand users wait: workers ask for the next one all the time.
func BenchmarkTurns(b *testing.B) {
	for name, where := range map[string]string{"sqlite": filepath.Join(b.TempDir(), "db"), "postgres": testenv.Postgres(b).NewDatabase(b)} {
		db, err := store.Options{Limits: store.Limits{Running: 2, Queued: 20}}.Open(b.Context(), where)
		if err != nil {
			b.Fatal(err)
		}
		defer db.Close()
		var id int64
		for user := range 1000 {
			o, err := db.CreateOwner(b.Context(), rehome.Owner{Login: fmt.Sprint("user", user), Kind: rehome.User})
			if err != nil {
				b.Fatal(err)
			}
			for n := range 10 {
				r, err := db.CreateRepository(b.Context(), rehome.Repository{Owner: o, Name: fmt.Sprint("r", n)})
				if err != nil {
					b.Fatal(err)
				}
				i, err := db.CreateImport(b.Context(), store.Import{Import: rehome.Import{RepositoryID: r.ID, State: rehome.State{Status: rehome.Importing}}}, nil)
				if err != nil {
					b.Fatal(err)
				}
				id = i.ID
			}
		}
		b.Run(name+"/next", func(b *testing.B) {
			for b.Loop() {
				if _, ok, err := db.Next(b.Context()); err != nil || !ok {
					b.Fatal(ok, err)
				}
			}
		})
		b.Run(name+"/place", func(b *testing.B) {
			for b.Loop() {
				if place, err := db.QueuePosition(b.Context(), id); err != nil || place != 10_000 {
					b.Fatal(place, err)
				}
			}
		})
	}
}
