package metrics

import (
	"database/sql"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"rehome/internal/store"
	"rehome/internal/testenv"
)

// Somebody has a table locked until the scrape is over: it ends all the same, with what was known.
func TestLockedDatabase(t *testing.T) {
	where := testenv.Postgres(t).NewDatabase(t)
	db, err := store.Open(t.Context(), where)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	m := newMetrics(t, db.Gauges)
	first := value(t, scrape(t, m), "rehome_rows_read_timestamp_seconds")
	other, err := sql.Open("pgx", where)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { other.Close() })
	lock, err := other.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Rollback()
	if _, err := lock.Exec("LOCK TABLE imports IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	m.rows.mu.Lock()
	m.rows.next = m.rows.at // it is time to ask again
	m.rows.mu.Unlock()
	text := scrape(t, m)
	if value(t, text, "rehome_rows_read_timestamp_seconds") != first || value(t, text, `rehome_imports{status="error"}`) != 0 {
		t.Errorf("read at %v, at first at %v", value(t, text, "rehome_rows_read_timestamp_seconds"), first)
	}
	m.rows.mu.Lock()
	defer m.rows.mu.Unlock()
	if m.rows.busy == nil {
		t.Error("the database was not asked, or answered")
	}
}
