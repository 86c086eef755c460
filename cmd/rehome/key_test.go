package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rehome"
	"rehome/internal/seal"
	"rehome/internal/store"
	"rehome/internal/testenv"
)

// keyed opens the rows and the key of a server, as it starts.
func keyed(t *testing.T, f serveFlags) (*seal.Box, error) {
	t.Helper()
	f.role.role = roleWorker
	p := &parts{flags: f, told: told{log: slog.New(slog.DiscardHandler)}}
	defer p.close()
	if err := errors.Join(p.openFolder(t.Context()), p.openRows(t.Context())); err != nil {
		t.Fatal(err)
	}
	return p.openKey(t.Context())
}

// A worker that has no copy of the key is refused before it makes one, or seals anything with one of its own.
func TestWorkersNeedTheKey(t *testing.T) {
	t.Parallel()
	where := testenv.Postgres(t).NewDatabase(t)
	one, other := t.TempDir(), t.TempDir()
	at := func(dir, keyFile string, newKey bool) serveFlags {
		return serveFlags{places: placesFlags{dir: data(dir), database: where}, keyFile: keyFile, newKey: newKey}
	}
	first, err := keyed(t, at(one, "", false))
	if err != nil {
		t.Fatal(err)
	}
	refused := func(f serveFlags, want string) {
		t.Helper()
		_, err := keyed(t, f)
		var known *rehome.Error
		if !errors.As(err, &known) || !strings.Contains(known.Message, want) || !strings.Contains(known.Hint, "--key-file") {
			t.Errorf("refused with %v, want %q", err, want)
		}
	}
	refused(at(other, "", false), "There is no key in")
	if _, err := os.Stat(filepath.Join(other, "key")); !os.IsNotExist(err) {
		t.Errorf("it left a key: %v", err)
	}
	if _, err := keyed(t, at(other, filepath.Join(one, "key"), false)); err != nil {
		t.Errorf("with the key of the first: %v", err)
	}
	if _, err := seal.Open(filepath.Join(other, "key")); err != nil {
		t.Fatal(err)
	}
	refused(at(other, "", false), "is not the one")
	second, err := keyed(t, at(other, "", true))
	if err != nil || second.Fingerprint() == first.Fingerprint() {
		t.Errorf("told that the key is lost: %v", err)
	}
	refused(at(one, "", false), "is not the one")
}

// A database that was written before keys were noted takes the key that opens what it has, and no other.
func TestKeyOfAnOlderDatabase(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	box, err := seal.Open(filepath.Join(dir, "key"))
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := box.Seal("ada\nhunter2")
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), filepath.Join(dir, "rehome.db"))
	if err != nil {
		t.Fatal(err)
	}
	o, err := db.CreateOwner(t.Context(), rehome.Owner{Login: "ada", Kind: rehome.User})
	if err != nil {
		t.Fatal(err)
	}
	r, err := db.CreateRepository(t.Context(), rehome.Repository{Owner: o, Name: "r"})
	if err != nil {
		t.Fatal(err)
	}
	i := store.Import{Import: rehome.Import{RepositoryID: r.ID, State: rehome.State{Status: rehome.Importing}}, Credentials: sealed}
	_, err = db.CreateImport(t.Context(), i, nil)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	f := serveFlags{places: placesFlags{dir: data(dir)}}
	f.keyFile = filepath.Join(t.TempDir(), "key")
	if _, err := seal.Open(f.keyFile); err != nil {
		t.Fatal(err)
	}
	if _, err := keyed(t, f); !errors.Is(err, store.ErrOtherKey) {
		t.Errorf("another key: %v", err)
	}
	f.keyFile = ""
	if _, err := keyed(t, f); err != nil {
		t.Errorf("its own key: %v", err)
	}
}

// A start that waits for another process to prepare the queue ends when it is told to.
func TestStartIsStopped(t *testing.T) {
	t.Parallel()
	where := testenv.Postgres(t).NewDatabase(t)
	other, err := pgx.Connect(t.Context(), where)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(context.Background()) //nolint:errcheck // nothing is left to do on it
	if _, err := other.Exec(t.Context(), "SELECT pg_advisory_lock(7220182)"); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan int)
	go func() {
		m := &Main{Stdin: os.Stdin, Stdout: io.Discard, Stderr: io.Discard, Getenv: func(string) string { return "" }}
		ended <- m.Run(ctx, []string{"serve", "--listen", "127.0.0.1:0", "--data", filepath.Join(t.TempDir(), "data"), "--database", where})
	}()
	for waits := false; !waits; time.Sleep(10 * time.Millisecond) {
		err := other.QueryRow(t.Context(), "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE query LIKE '%try_advisory_lock(7220182)%' AND pid <> pg_backend_pid())").Scan(&waits)
		if err != nil {
			t.Fatal(err)
		}
	}
	stop()
	if code := <-ended; code != exitInterrupted {
		t.Errorf("it ended with %d, want %d", code, exitInterrupted)
	}
}
