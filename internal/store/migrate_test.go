package store

import (
	"database/sql"
	"io/fs"
	"path/filepath"
	"slices"
	"testing"

	"github.com/pressly/goose/v3"

	"rehome"
	"rehome/internal/testenv"
)

// openAt makes a database of an earlier schema.
func openAt(t *testing.T, path string, version int64) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", dsn(path, ""))
	if err != nil {
		t.Fatal(err)
	}
	files, err := fs.Sub(migrations, "migrations/sqlite")
	if err != nil {
		t.Fatal(err)
	}
	steps, err := goose.NewProvider(goose.DialectSQLite3, db, files)
	if err == nil {
		_, err = steps.UpTo(t.Context(), version)
	}
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// upgraded makes a database of an earlier schema with some rows, and opens it as it is now.
func upgraded(t *testing.T, version int64, rows ...string) *DB {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rehome.db")
	old := openAt(t, path, version)
	for _, text := range rows {
		if _, err := old.Exec(text); err != nil {
			t.Fatal(err)
		}
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// An import that completed before there were author maps has been rewritten as far as
// it goes, and its refs are what the source had.
func TestDatabaseOfTheFirstSchema(t *testing.T) {
	db := upgraded(t, 1,
		"INSERT INTO owners (login, kind, created_at) VALUES ('octocat', 'User', 1)",
		"INSERT INTO repositories (owner_id, name, created_at, updated_at) VALUES (1, 'one', 1, 1)",
		`INSERT INTO imports (repository_id, vcs, vcs_given, url, tfvc_project, wanted_raw, wanted_plan, done_raw, done_plan, status, created_at, updated_at, completed_at)
			VALUES (1, 'git', 1, 'https://old.example/one.git', '', 3, 3, 3, 3, 'complete', 1, 1, 1)`,
		"INSERT INTO import_authors (import_id, remote_name, remote_mail, name, email) VALUES (1, x'61', x'62', 'a', 'b')",
		"INSERT INTO written_refs (repository_id, name, wrote) VALUES (1, x'6d', 'aa')",
	)
	i, err := db.ImportOf(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if want := (rehome.Options{Engine: 1}); i.Options != want || i.Rewritten != 3 || i.Changes != (rehome.Changes{}) || i.State.Status != rehome.Complete {
		t.Errorf("import: %+v", i)
	}
	wrote, err := db.WrittenRefs(t.Context(), 1)
	if want := (WrittenRef{Name: "m", Wrote: "aa", Source: "aa"}); err != nil || wrote["m"] != want {
		t.Errorf("written refs: %+v, %v", wrote, err)
	}
	all, err := db.Authors(t.Context(), i.ID, 0, 0)
	if err != nil || len(all) != 1 || all[0].Name != "a" {
		t.Errorf("authors: %+v, %v", all, err)
	}
	if _, ok, err := db.AuthorMap(t.Context(), i.ID, 0); ok || err != nil {
		t.Errorf("author map: %v, %v", ok, err)
	}
}

// An import from before there were Git LFS objects keeps its choice and asks for nothing else.
func TestDatabaseBeforeLFS(t *testing.T) {
	db := upgraded(t, 2,
		"INSERT INTO owners (login, kind, created_at) VALUES ('octocat', 'User', 1)",
		"INSERT INTO repositories (owner_id, name, created_at, updated_at) VALUES (1, 'one', 1, 1)",
		`INSERT INTO imports (repository_id, vcs, vcs_given, url, tfvc_project, wanted_raw, wanted_plan, status, lfs, hold, created_at, updated_at)
			VALUES (1, 'git', 1, 'https://old.example/one.git', '', 1, 1, 'importing', 'undecided', 1, 1, 1)`,
	)
	i, err := db.ImportOf(t.Context(), 1)
	if want := (rehome.Options{Engine: 1, Hold: true}); err != nil || i.Options != want || i.LFS != rehome.LFSUndecided {
		t.Errorf("import: %+v, %v", i, err)
	}
	if n, _, err := db.LFSCount(t.Context(), 1); n != 0 || err != nil {
		t.Errorf("%d LFS objects, %v", n, err)
	}
}

// An import from before there were webhooks was started by nobody known and has nothing to choose.
func TestDatabaseBeforeWebhooks(t *testing.T) {
	db := upgraded(t, 3,
		"INSERT INTO owners (login, kind, created_at) VALUES ('octocat', 'User', 1)",
		"INSERT INTO repositories (owner_id, name, created_at, updated_at) VALUES (1, 'one', 1, 1)",
		`INSERT INTO imports (repository_id, vcs, vcs_given, url, tfvc_project, wanted_raw, wanted_plan, status, created_at, updated_at)
			VALUES (1, 'git', 1, 'https://old.example/one.git', '', 1, 1, 'importing', 1, 1)`,
	)
	i, err := db.ImportOf(t.Context(), 1)
	if err != nil || i.StartedBy != 0 || i.State.Choices != nil || i.State.Status != rehome.Importing {
		t.Errorf("import: %+v, %v", i, err)
	}
	at := rehome.HookTarget{RepositoryID: 1}
	if hooks, total, err := db.Hooks(t.Context(), at, 1, 30); len(hooks) != 0 || total != 0 || err != nil {
		t.Errorf("hooks: %+v, %d in all, %v", hooks, total, err)
	}
	if _, err := db.CreateHook(t.Context(), Hook{Hook: rehome.Hook{Target: at, URL: "https://new.example/"}}, 1); err != nil {
		t.Error(err)
	}
}

// An import from before there were destinations goes to the built-in host, once: nothing makes it due by a clock.
func TestDatabaseBeforeDestinations(t *testing.T) {
	db := upgraded(t, 4,
		"INSERT INTO owners (login, kind, created_at) VALUES ('octocat', 'User', 1)",
		"INSERT INTO repositories (owner_id, name, created_at, updated_at) VALUES (1, 'one', 1, 1)",
		`INSERT INTO imports (repository_id, vcs, vcs_given, url, tfvc_project, wanted_raw, wanted_plan, status, hold, started_by, credentials, created_at, updated_at, completed_at)
			VALUES (1, 'git', 1, 'https://old.example/one.git', '', 1, 1, 'complete', 1, 1, x'00', 1, 1, 1)`,
		"INSERT INTO written_refs (repository_id, name, wrote, source) VALUES (1, x'6d', 'aa', 'bb')",
	)
	i, err := db.ImportOf(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if want := (rehome.Options{Engine: 1, Hold: true}); i.Options != want || i.Destination != (rehome.Destination{}) ||
		i.Key != nil || i.Finishing || !i.NextSyncAt.IsZero() || !i.ClosedAt.IsZero() || len(i.Credentials) != 1 || i.StartedBy != 1 {
		t.Errorf("import: %+v", i)
	}
	if due, err := db.IsDue(t.Context(), i.ID); due || err != nil {
		t.Errorf("due: %v, %v", due, err)
	}
	if _, err := db.Destination(t.Context(), 1); rehome.CodeOf(err) != rehome.NotFound {
		t.Errorf("destination: %v", err)
	}
	wrote, err := db.WrittenRefs(t.Context(), 1)
	if want := (WrittenRef{Name: "m", Wrote: "aa", Source: "bb"}); err != nil || wrote["m"] != want {
		t.Errorf("written refs: %+v, %v", wrote, err)
	}
}

// Each migration can be taken back, and done again.
func TestMigrationsGoBack(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		db, err := sql.Open("sqlite", dsn(filepath.Join(t.TempDir(), "rehome.db"), ""))
		goBack(t, db, &sqliteDialect, err)
	})
	t.Run("postgres", func(t *testing.T) {
		db, err := sql.Open("pgx", testenv.Postgres(t).NewDatabase(t))
		goBack(t, db, &postgresDialect, err)
	})
}

func goBack(t *testing.T, db *sql.DB, d *dialect, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := migrate(t.Context(), db, d); err != nil {
		t.Fatal(err)
	}
	files, err := fs.Sub(migrations, "migrations/"+d.name)
	if err != nil {
		t.Fatal(err)
	}
	steps, err := goose.NewProvider(d.goose, db, files)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := steps.DownTo(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := steps.Up(t.Context()); err != nil {
		t.Error(err)
	}
}

// The same number means the same columns on both engines.
func TestSchemasAreAlike(t *testing.T) {
	lite := openHere(t)
	big, err := Open(t.Context(), testenv.Postgres(t).NewDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	defer big.Close()
	word := func(r row) (s string, err error) {
		err = r.Scan(&s)
		return s, err
	}
	got, err := collect(t.Context(), big.read, word, `SELECT table_name || '.' || column_name FROM information_schema.columns
		WHERE table_schema = 'public' AND table_name NOT LIKE 'goose%' ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	want, err := collect(t.Context(), lite.read, word, `SELECT m.name || '.' || c.name FROM sqlite_master m, pragma_table_info(m.name) c
		WHERE m.type = 'table' AND m.name NOT LIKE 'goose%' AND m.name NOT LIKE 'sqlite%' ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("Postgres has %q,\nSQLite %q", got, want)
	}
}
