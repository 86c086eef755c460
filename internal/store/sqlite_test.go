package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rehome"
)

func openHere(t *testing.T) *DB {
	t.Helper()
	db, _ := openPath(t)
	return db
}

func openPath(t *testing.T) (db *DB, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "rehome.db")
	db, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db, path
}

// importAt makes a repository with an import and puts that at a status past the table of moves.
func importAt(t *testing.T, db *DB, name string, s rehome.Status) int64 {
	t.Helper()
	o, err := db.OwnerByLogin(t.Context(), "octocat")
	if rehome.CodeOf(err) == rehome.NotFound {
		o, err = db.CreateOwner(t.Context(), rehome.Owner{Login: "octocat", Kind: rehome.User})
	}
	if err != nil {
		t.Fatal(err)
	}
	r, err := db.CreateRepository(t.Context(), rehome.Repository{Owner: o, Name: name})
	if err != nil {
		t.Fatal(err)
	}
	i, err := db.CreateImport(t.Context(), Import{Import: rehome.Import{RepositoryID: r.ID, State: rehome.State{Status: rehome.Importing}}}, nil)
	if err == nil {
		_, err = db.write.Exec("UPDATE imports SET status = $2 WHERE id = $1", i.ID, s)
	}
	if err != nil {
		t.Fatal(err)
	}
	return i.ID
}

// The statuses are written out in SQL, where the index needs them: they have to be
// those that Running names.
func TestWhatRunsIsDue(t *testing.T) {
	db := openHere(t)
	for _, s := range rehome.Statuses() {
		id := importAt(t, db, string(s), s)
		if due, err := db.IsDue(t.Context(), id); err != nil || due != s.Running() {
			t.Errorf("%s: due %v, %v; running %v", s, due, err, s.Running())
		}
		if place, err := db.QueuePosition(t.Context(), id); err != nil || (place > 0) != s.Running() {
			t.Errorf("%s: place %d in the queue, %v; running %v", s, place, err, s.Running())
		}
	}
}

// Sweeps come every few seconds: what they cost depends on what waits, not on how many
// imports there ever were.
func TestSweepReadsOnlyWhatMayBeDue(t *testing.T) {
	db := openHere(t)
	steps, err := collect(t.Context(), db.read, func(r row) (detail string, err error) {
		var id, parent, unused int
		err = r.Scan(&id, &parent, &unused, &detail)
		return detail, err
	}, "EXPLAIN QUERY PLAN "+db.dueQuery(), 100, 10)
	if err != nil {
		t.Fatal(err)
	}
	var indexes []string
	for _, step := range steps {
		if _, how, ok := strings.Cut(step, " imports"); ok {
			indexes = append(indexes, strings.TrimPrefix(how, " USING INDEX "))
		}
	}
	// Each holds no more than what its condition chooses.
	want := []string{"imports_turns", "imports_sync (next_sync_at<?)", "imports_expire (raw_expires<?)", "imports_held", "imports_gone (due_at<?)"}
	if !slices.Equal(indexes, want) {
		t.Errorf("it reads imports by %q, want %q; plan: %q", indexes, want, steps)
	}
}

// What rests until its next sync is due then, unless it was closed, and has no place in the queue.
func TestWhatRestsIsDueForItsSync(t *testing.T) {
	db := openHere(t)
	for _, s := range rehome.Statuses() {
		id := importAt(t, db, string(s), s)
		for _, c := range []struct {
			set  string
			want bool
		}{
			{"due_at = 1, next_sync_at = 0", s.Running()},
			{"due_at = 1e15, next_sync_at = 1", s == rehome.Complete || s == rehome.Failed},
			{"next_sync_at = 1e15", false},
			{"next_sync_at = 1, lease_expires = 1e15", false},
			{"lease_expires = 0, closed_at = 1", false},
		} {
			if _, err := db.write.Exec("UPDATE imports SET "+c.set+" WHERE id = $1", id); err != nil {
				t.Fatal(err)
			}
			due, err := db.IsDue(t.Context(), id)
			listed, listing := db.Due(t.Context(), 100)
			if err := errors.Join(err, listing); err != nil || due != c.want || slices.Contains(listed, id) != c.want {
				t.Errorf("%s with %s: due %v, in %v, %v; want %v", s, c.set, due, listed, err, c.want)
			}
		}
	}
}

// Workers, API calls and another process at the same file never see it locked.
func TestManyAtOnce(t *testing.T) {
	db, path := openPath(t)
	other, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	var wg sync.WaitGroup
	for n := range 50 {
		id := importAt(t, db, fmt.Sprint("r", n), rehome.Importing)
		from := db
		if n%10 == 0 {
			from = other // waits at the file's lock, not in line
		}
		wg.Go(func() {
			if err := advance(from, id, 3); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			if _, _, err := from.Imports(context.Background(), Filter{Limit: 5}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func advance(db *DB, id int64, times int) error {
	ctx := context.Background()
	lease, ok, err := db.Acquire(ctx, id, "a/1", time.Hour)
	for n := 0; n < times && ok && err == nil; n++ {
		_, err = db.Advance(ctx, lease, func(_ *Tx, i *Import) error {
			i.Progress.Percent = n
			return nil
		})
	}
	if err == nil && !ok {
		err = errors.New("a free import could not be leased")
	}
	return errors.Join(err, db.Release(ctx, lease))
}

// A database that cannot grow says so in the domain's words, loses nothing, and takes
// writes again when it can.
func TestFullDisk(t *testing.T) {
	db := openHere(t)
	id := importAt(t, db, "one", rehome.Importing)
	lease, ok, err := db.Acquire(t.Context(), id, "a/1", time.Hour)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if _, err := db.write.Exec("PRAGMA max_page_count = 1"); err != nil { // as many as there are
		t.Fatal(err)
	}
	grow := func() error {
		_, err := db.Advance(t.Context(), lease, func(tx *Tx, i *Import) error {
			i.Progress.Percent++
			return tx.SetFacts(t.Context(), i.ID, make([]byte, 1<<20))
		})
		return err
	}
	if err := grow(); rehome.CodeOf(err) != rehome.DiskFull {
		t.Errorf("a full database: %v", err)
	}
	row, err := db.ImportByID(t.Context(), id)
	if err != nil || row.Progress.Percent != 0 {
		t.Errorf("half a change was kept: %+v, %v", row.Progress, err)
	}
	if _, err := db.write.Exec("PRAGMA max_page_count = 1000000"); err != nil {
		t.Fatal(err)
	}
	if err := grow(); err != nil {
		t.Errorf("after room was made: %v", err)
	}
}

// A file that another process keeps locked is a database that is away: nothing failed that was asked for.
func TestLockedFileIsUnavailable(t *testing.T) {
	t.Parallel()
	where := "file:" + filepath.Join(t.TempDir(), "db") + "?_txlock=immediate"
	var held [2]*sql.DB
	for n := range held {
		db, err := sql.Open("sqlite", where)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		held[n] = db
	}
	tx, err := held[0].Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if _, err := held[1].Begin(); !Unavailable(err) {
		t.Errorf("begin: %v", err)
	}
	if _, err := held[0].Exec("no statement"); Unavailable(err) {
		t.Errorf("a mistake: %v", err)
	}
}
