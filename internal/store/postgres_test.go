package store_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"rehome"
	"rehome/internal/store"
	"rehome/internal/testenv"
)

// Processes that start at once at a new database wait for the one that makes the schema.
func TestPostgresIsMigratedOnce(t *testing.T) {
	where := testenv.Postgres(t).NewDatabase(t)
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			db, err := store.Open(context.Background(), where)
			if err != nil {
				t.Error(err)
				return
			}
			if err := errors.Join(db.Ping(context.Background()), db.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestNewerPostgresSchemaIsRefused(t *testing.T) {
	where := testenv.Postgres(t).NewDatabase(t)
	open(t, where)
	raw := rawPostgres(t, where)
	if _, err := raw.Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)"); err != nil {
		t.Fatal(err)
	}
	_, err := store.Open(t.Context(), where)
	if err == nil || !strings.Contains(err.Error(), "newer") {
		t.Errorf("a newer schema was opened: %v", err)
	}
}

func rawPostgres(t *testing.T, where string) *sql.DB {
	t.Helper()
	raw, err := sql.Open("pgx", where)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { raw.Close() })
	return raw
}

// Errors are logged: the password is in none of them.
func TestPasswordStaysSecret(t *testing.T) {
	good := testenv.Postgres(t).NewDatabase(t)
	for name, where := range map[string]string{
		"malformed":   strings.Replace(good, "@", "@@:x:", 1),
		"bad port":    "postgres://postgres:" + testenv.PostgresPassword + "@127.0.0.1:port/db",
		"bad setting": good + "?sslmode=never",
		"no database": good + "_missing",
		"refused":     strings.Replace(good, testenv.PostgresPassword, testenv.PostgresPassword+"x", 1),
	} {
		_, err := store.Open(t.Context(), where)
		if err == nil || strings.Contains(err.Error(), testenv.PostgresPassword) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The password need not be in the URL.
func TestPasswordFromTheEnvironment(t *testing.T) {
	where := strings.Replace(testenv.Postgres(t).NewDatabase(t), ":"+testenv.PostgresPassword, "", 1)
	t.Setenv("PGPASSWORD", testenv.PostgresPassword)
	if err := open(t, where).Ping(t.Context()); err != nil {
		t.Error(err)
	}
	t.Setenv("PGPASSWORD", "another")
	if _, err := store.Open(t.Context(), where); err == nil {
		t.Error("any password will do")
	}
}

// crashing is a store on a server that may be killed, with an import that is held.
func crashing(t *testing.T) (*testenv.PG, *store.DB, store.Lease) {
	t.Helper()
	server := testenv.OwnPostgres(t)
	db := open(t, server.NewDatabase(t))
	o, err := db.CreateOwner(t.Context(), rehome.Owner{Login: "octocat", Kind: rehome.User})
	if err != nil {
		t.Fatal(err)
	}
	r, err := db.CreateRepository(t.Context(), rehome.Repository{Owner: o, Name: "one"})
	if err != nil {
		t.Fatal(err)
	}
	i, err := db.CreateImport(t.Context(), store.Import{Import: rehome.Import{RepositoryID: r.ID, State: rehome.State{Status: rehome.Importing}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	lease, ok, err := db.Acquire(t.Context(), i.ID, "a/1", time.Hour)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	return server, db, lease
}

func advanced(t *testing.T, db *store.DB, l store.Lease, during func()) error {
	t.Helper()
	_, err := db.Advance(t.Context(), l, func(tx *store.Tx, i *store.Import) error {
		i.Progress.Percent++
		if err := tx.SetFacts(t.Context(), i.ID, []byte("facts")); err != nil {
			return err
		}
		during()
		return nil
	})
	return err
}

// A session that ends in the middle of a transaction undoes it and says that it is no fault of the import's; the store
// goes on without being opened again.
func TestSessionsAreTerminated(t *testing.T) {
	server, db, lease := crashing(t)
	for range 3 {
		err := advanced(t, db, lease, func() { server.TerminateSessions(t) })
		if !store.Unavailable(err) {
			t.Errorf("a terminated session: %v", err)
		}
		server.TerminateSessions(t) // idle ones, too
		row, err := db.ImportByID(t.Context(), lease.ImportID)
		if err != nil || row.Progress.Percent != 0 {
			t.Errorf("half a change was kept: %+v, %v", row.Progress, err)
		}
	}
	if err := advanced(t, db, lease, func() {}); err != nil {
		t.Error(err)
	}
}

// A server that was killed and started again has what was committed, and the store finds it again by itself.
func TestServerIsKilled(t *testing.T) {
	server, db, lease := crashing(t)
	if err := advanced(t, db, lease, func() {}); err != nil {
		t.Fatal(err)
	}
	if err := advanced(t, db, lease, func() { server.Kill(t) }); !store.Unavailable(err) {
		t.Errorf("killed in the middle: %v", err)
	}
	var waiting sync.WaitGroup
	waiting.Go(func() { // who asks meanwhile waits
		if err := db.Renew(context.Background(), lease, time.Hour); err != nil {
			t.Error(err)
		}
	})
	server.Start(t)
	waiting.Wait()
	if err := advanced(t, db, lease, func() {}); err != nil {
		t.Error(err)
	}
	row, err := db.ImportByID(t.Context(), lease.ImportID)
	if err != nil || row.Progress.Percent != 2 {
		t.Errorf("after a crash: %+v, %v", row.Progress, err)
	}
}

// A lost connection is told from what the caller did.
func TestUnavailable(t *testing.T) {
	server, db, lease := crashing(t)
	gone, stop := context.WithCancel(t.Context())
	stop()
	if _, err := db.ImportByID(gone, lease.ImportID); err == nil || store.Unavailable(err) {
		t.Errorf("a caller that left: %v", err)
	}
	if _, err := db.ImportByID(t.Context(), 99); store.Unavailable(err) {
		t.Errorf("no such import: %v", err)
	}
	server.Kill(t)
	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, _, err := db.Acquire(short, lease.ImportID, "b/1", time.Hour); err == nil {
		t.Error("a killed server answers")
	}
}

// A process that stops in the middle of a transaction loses its locks before those who wait for them give up.
func TestLocksOfTheDeadEnd(t *testing.T) {
	where := testenv.Postgres(t).NewDatabase(t)
	db := open(t, where)
	if err := db.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	var idle, lock, statement time.Duration
	for name, d := range map[string]*time.Duration{"idle_in_transaction_session_timeout": &idle, "lock_timeout": &lock, "statement_timeout": &statement} {
		text, err := store.Setting(t.Context(), db, name)
		if err != nil {
			t.Fatal(err)
		}
		if *d, err = time.ParseDuration(strings.ReplaceAll(text, "min", "m")); err != nil {
			t.Fatal(err)
		}
	}
	if idle <= 0 || idle >= lock || lock >= statement || lock > 30*time.Second {
		t.Errorf("idle for %v, waits for %v, runs for %v", idle, lock, statement)
	}
}
