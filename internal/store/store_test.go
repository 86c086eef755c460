package store_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"rehome"
	"rehome/internal/store"
	"rehome/internal/store/storetest"
	"rehome/internal/testenv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, where string) *store.DB {
	t.Helper()
	return openWith(t, where, store.Options{})
}

func openWith(t *testing.T, where string, o store.Options) *store.DB {
	t.Helper()
	db, err := o.Open(t.Context(), where)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func TestSQLite(t *testing.T) {
	storetest.Run(t, func(t *testing.T) string { return filepath.Join(t.TempDir(), "odd name?%41#.db") }, openWith)
}

func TestPostgres(t *testing.T) {
	server := testenv.Postgres(t)
	made := server.NewDatabase(t) // to make the schema takes longer than any of the tests
	db, err := store.Open(t.Context(), made)
	if err == nil {
		err = db.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	storetest.Run(t, func(t *testing.T) string { return server.Copy(t, made) }, openWith)
}

func TestReopenKeepsRows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rehome.db")
	first, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := first.CreateOwner(t.Context(), rehome.Owner{Login: "octocat", Kind: rehome.User}); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, path).OwnerByLogin(t.Context(), "octocat"); err != nil {
		t.Error(err)
	}
}

func TestFileIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rehome.db")
	open(t, path)
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != 0o600 {
			t.Errorf("%s has mode %o, want 600", filepath.Base(name), got)
		}
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rehome.db")
	open(t, path)
	raw, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	if _, err := raw.Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1)"); err != nil {
		t.Fatal(err)
	}
	_, err = store.Open(t.Context(), path)
	if err == nil || !strings.Contains(err.Error(), "newer") {
		t.Errorf("a newer schema was opened: %v", err)
	}
}
