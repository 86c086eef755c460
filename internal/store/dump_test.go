package store_test

import (
	"bytes"
	"database/sql"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/store"
	"rehome/internal/store/storetest"
	"rehome/internal/testenv"
)

func inFile(t *testing.T) string { return filepath.Join(t.TempDir(), "rehome.db") }

func TestDumpSQLite(t *testing.T) {
	storetest.Dump(t, func(t *testing.T) *store.DB { return open(t, inFile(t)) }, inFile)
	storetest.Same(t, open(t, inFile(t)), inFile(t))
}

func TestDumpPostgres(t *testing.T) {
	pg := testenv.Postgres(t)
	storetest.Dump(t, func(t *testing.T) *store.DB { return open(t, pg.NewDatabase(t)) }, func(t *testing.T) string { return pg.NewDatabase(t) })
	storetest.Same(t, open(t, pg.NewDatabase(t)), pg.NewDatabase(t))
}

// TestDumpMovesBetweenEngines is how one moves from SQLite to Postgres.
func TestDumpMovesBetweenEngines(t *testing.T) {
	pg := testenv.Postgres(t)
	storetest.Same(t, open(t, inFile(t)), pg.NewDatabase(t), inFile(t))
	storetest.Same(t, open(t, pg.NewDatabase(t)), inFile(t), pg.NewDatabase(t))
}

// TestDumpHasEveryTable fails when a migration makes a table that backups would forget.
func TestDumpHasEveryTable(t *testing.T) {
	path := inFile(t)
	db := open(t, path)
	s, err := db.Snapshot(t.Context(), func(*store.Snapshot) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	raw, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	rows, err := raw.Query("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT IN ('goose_db_version', 'chores', 'lfs_garbage', 'processes', 'sessions') ORDER BY name")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var have []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		have = append(have, name)
	}
	if got := slices.Sorted(slices.Values(s.Tables())); !slices.Equal(got, have) {
		t.Errorf("a dump has %q, the schema %q: add to tables in dump.go", got, have)
	}
}

// TestSnapshotStays wants no later change in a snapshot, and nobody to write while it is taken.
func TestSnapshotStays(t *testing.T) {
	path := inFile(t)
	db, server := open(t, path), open(t, path)
	wrote := make(chan error, 1)
	s, err := db.Snapshot(t.Context(), func(*store.Snapshot) error {
		go func() {
			_, err := server.CreateOwner(t.Context(), rehome.Owner{Login: "late", Kind: rehome.User})
			wrote <- err
		}()
		for range 3 {
			if _, err := server.OwnerByLogin(t.Context(), "late"); err == nil {
				t.Error("somebody wrote while the snapshot was taken")
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := <-wrote; err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if n, err := s.Dump(t.Context(), "owners", &out); n != 0 || err != nil {
		t.Errorf("%d owners, %v", n, err)
	}
	if _, err := s.Dump(t.Context(), "sqlite_schema", &out); err == nil {
		t.Error("dumped what is no table of ours")
	}
}

// TestSnapshotFails wants an error of what runs while it is taken, and the database free again.
func TestSnapshotFails(t *testing.T) {
	db := open(t, inFile(t))
	broken := errors.New("broken")
	if _, err := db.Snapshot(t.Context(), func(*store.Snapshot) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if err := db.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestLoadOfAnOlderSchema migrates the rows of an earlier release.
func TestLoadOfAnOlderSchema(t *testing.T) {
	files := map[string]string{
		"owners":       `["id","login","kind","admin","created_at"]` + "\n" + `[7,"ada","user",1,5]` + "\n",
		"repositories": `["id","owner_id","name","created_at","updated_at"]` + "\n" + `[3,7,"one",5,5]` + "\n",
		"written_refs": `["repository_id","name","wrote"]` + "\n" + `[3,{"bytes":"cmVmcy9oZWFkcy9h"},"11"]` + "\n",
	}
	d := store.Dump{Schema: 1, Tables: []string{"owners", "repositories", "written_refs"}, Counters: map[string]int64{"owners": 9}}
	d.Open = func(table string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(files[table])), nil }
	path := inFile(t)
	if err := store.Load(t.Context(), path, d); err != nil {
		t.Fatal(err)
	}
	db, err := store.OpenAsIs(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	refs, err := db.WrittenRefs(t.Context(), 3)
	if err != nil || refs["refs/heads/a"].Source != "11" { // what the second migration makes of it
		t.Errorf("written refs %+v, %v", refs, err)
	}
	o, err := db.CreateOwner(t.Context(), rehome.Owner{Login: "bob", Kind: rehome.User})
	if err != nil || o.ID != 10 {
		t.Errorf("the next owner is %+v, %v", o, err)
	}
}

func TestLoadRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		schema int64
		table  string
		rows   string
		want   string
	}{
		"newer":          {99999, "owners", "", "newer rehome"},
		"unknown table":  {2, "ownrs", "", "no such table"},
		"unknown column": {2, "owners", `["id","lgin"]`, `no column "lgin"`},
		"short row":      {2, "owners", `["id","login"]` + "\n" + `[1]`, "1 values for 2 columns"},
		"odd value":      {2, "owners", `["id","login"]` + "\n" + `[1,{"x":1}]`, "written in another way"},
		"cut off":        {2, "owners", `["id","login"]` + "\n" + `[1,"a`, "unexpected EOF"},
		"orphan":         {2, "repositories", `["id","owner_id","name","created_at","updated_at"]` + "\n" + `[3,7,"one",5,5]`, "FOREIGN KEY"},
	} {
		t.Run(name, func(t *testing.T) {
			d := store.Dump{Schema: c.schema, Tables: []string{c.table}}
			d.Open = func(string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(c.rows)), nil }
			if err := store.Load(t.Context(), inFile(t), d); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestOpenAsIsMakesNothing(t *testing.T) {
	path := inFile(t)
	if _, err := store.OpenAsIs(t.Context(), path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing one: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Dir(path) + "/*"); len(left) > 0 {
		t.Errorf("it left %q", left)
	}
	open(t, path)
	raw, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	if _, err := raw.Exec("DELETE FROM goose_db_version WHERE version_id > 2"); err != nil {
		t.Fatal(err)
	}
	if _, err := store.OpenAsIs(t.Context(), path); err == nil || !strings.Contains(err.Error(), "older rehome") {
		t.Errorf("an older one: %v", err)
	}
}

// TestFaults finds a row that refers to nothing, and a damaged file.
func TestFaults(t *testing.T) {
	path := inFile(t)
	db := open(t, path)
	if found, err := db.Faults(t.Context()); len(found) > 0 || err != nil {
		t.Errorf("a whole one: %q, %v", found, err)
	}
	raw, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	if _, err := raw.Exec("INSERT INTO tokens (owner_id, hash, scopes, owners, created_at) VALUES (77, x'00', '[]', '[]', 1)"); err != nil {
		t.Fatal(err)
	}
	found, err := db.Faults(t.Context())
	if err != nil || len(found) != 1 || !strings.Contains(found[0], "of tokens refers to a row of owners") {
		t.Errorf("%q, %v", found, err)
	}
}
