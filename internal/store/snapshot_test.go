package store

import (
	"context"
	"testing"
	"time"

	"rehome"
	"rehome/internal/testenv"
)

// A snapshot waits for a change that is under way, whatever that goes on to write, and one that comes later for the snapshot.
func TestSnapshotWaitsForChanges(t *testing.T) {
	db, err := Open(t.Context(), testenv.Postgres(t).NewDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	o, err := db.CreateOwner(t.Context(), rehome.Owner{Login: "ada", Kind: rehome.User})
	if err != nil {
		t.Fatal(err)
	}
	r, err := db.CreateRepository(t.Context(), rehome.Repository{Owner: o, Name: "r"})
	if err != nil {
		t.Fatal(err)
	}
	i := Import{Import: rehome.Import{RepositoryID: r.ID, State: rehome.State{Status: rehome.Importing}}}
	if _, err := db.CreateImport(t.Context(), i, nil); err != nil {
		t.Fatal(err)
	}
	waits := func() {
		t.Helper()
		for n := 0; n == 0; time.Sleep(5 * time.Millisecond) {
			err := db.read.QueryRowContext(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'").Scan(&n)
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	var later chan error
	snapped := make(chan error)
	_, err = db.ChangeImport(t.Context(), r.ID, func(tx *Tx, i *Import) error {
		err := tx.SetWritten(t.Context(), r.ID, []WrittenRef{{Name: "refs/heads/main", Wrote: "1"}})
		go func() {
			s, err := db.Snapshot(context.Background(), func(s *Snapshot) error {
				later = make(chan error)
				go func() { later <- db.Ping(context.Background()) }()
				waits()
				return nil
			})
			if err == nil {
				err = s.Close()
			}
			snapped <- err
		}()
		waits()
		i.State.Note = "changed"
		return err
	})
	if err != nil {
		t.Errorf("the change: %v", err)
	}
	if err := <-snapped; err != nil {
		t.Errorf("the snapshot: %v", err)
	}
	if err := <-later; err != nil {
		t.Errorf("what came later: %v", err)
	}
}
