package store

import (
	"testing"
	"time"

	"rehome"
	"rehome/internal/testenv"
)

// TestRevokingTakesRowsInOrder: who notes that tokens were used takes their rows by id. Revoking them with the one that made them does, too, or
// one of both would be ended by Postgres.
func TestRevokingTakesRowsInOrder(t *testing.T) {
	db, err := Open(t.Context(), testenv.Postgres(t).NewDatabase(t))
	must(t, err)
	defer db.Close()
	o, err := db.CreateOwner(t.Context(), rehome.Owner{Login: "octocat", Kind: rehome.User})
	must(t, err)
	issue := func(n byte, by int64) int64 {
		made, err := db.CreateToken(t.Context(), rehome.Token{User: o, MadeBy: by}, [32]byte{n})
		must(t, err)
		return made.ID
	}
	first := issue(1, 0)
	low, high := issue(2, first), issue(3, first)
	_, err = db.write.ExecContext(t.Context(), "UPDATE tokens SET note = 'moved' WHERE id = $1", low) // behind the other, in the order of the table
	must(t, err)
	tx, err := db.write.BeginTx(t.Context(), nil)
	must(t, err)
	defer tx.Rollback() //nolint:errcheck // for a test that ends before
	use := func(id int64) error {
		_, err := tx.ExecContext(t.Context(), "UPDATE tokens SET used_at = 1 WHERE id = $1", id)
		return err
	}
	must(t, use(low))
	ended := make(chan error, 1)
	go func() {
		_, err := db.RevokeTokenWithMade(t.Context(), first)
		ended <- err
	}()
	for waits := 0; waits == 0 && len(ended) == 0; time.Sleep(time.Millisecond) {
		must(t, db.read.QueryRowContext(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'").Scan(&waits))
	}
	if err := use(high); err != nil {
		t.Errorf("use the second: %v", err)
	}
	if err := tx.Commit(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("revoke: %v", err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
