package storetest

import (
	"errors"
	"slices"
	"testing"

	"rehome"
	"rehome/internal/store"
)

func newRepository(t *testing.T, db *store.DB, login, name string) rehome.Repository {
	t.Helper()
	o, err := db.OwnerByLogin(t.Context(), login)
	if rehome.CodeOf(err) == rehome.NotFound {
		o, err = db.CreateOwner(t.Context(), rehome.Owner{Login: login, Kind: rehome.User})
	}
	must(t, err)
	r, err := db.CreateRepository(t.Context(), rehome.Repository{Owner: o, Name: name, Private: true})
	must(t, err)
	return r
}

func startingImport(repositoryID int64) store.Import {
	return store.Import{Import: rehome.Import{
		RepositoryID: repositoryID,
		Source:       rehome.Source{URL: "https://old.example/one.git"},
		Wanted:       rehome.Generations{Raw: 1, Plan: 1},
		State:        rehome.State{Status: rehome.Detecting},
		Progress:     rehome.Progress{Percent: -1, PushPercent: -1, Commits: -1},
	}}
}

func newImport(t *testing.T, db *store.DB, repositoryID int64) store.Import {
	t.Helper()
	i, err := db.CreateImport(t.Context(), startingImport(repositoryID), func(*store.Tx, *store.Import) error {
		return errors.New("it exists")
	})
	must(t, err)
	return i
}

func change(t *testing.T, db *store.DB, repositoryID int64, edit func(*store.Import), more ...func(*store.Tx, *store.Import) error) store.Import {
	t.Helper()
	i, err := db.ChangeImport(t.Context(), repositoryID, func(tx *store.Tx, i *store.Import) error {
		edit(i)
		for _, do := range more {
			if err := do(tx, i); err != nil {
				return err
			}
		}
		return nil
	})
	must(t, err)
	return i
}

func wantDue(t *testing.T, db *store.DB, want ...int64) {
	t.Helper()
	got, err := db.Due(t.Context(), 10)
	must(t, err)
	if !slices.Equal(got, want) {
		t.Errorf("due: %v, want %v", got, want)
	}
	for _, id := range want {
		if due, err := db.IsDue(t.Context(), id); err != nil || !due {
			t.Errorf("import %d is due: %v, %v", id, due, err)
		}
	}
}

func wantCode(t *testing.T, err error, want rehome.Code) {
	t.Helper()
	if err == nil || rehome.CodeOf(err) != want {
		t.Errorf("error %v, want code %s", err, want)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
