package testenv

import (
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
)

// What was committed is there after a crash; each database is empty at first.
func TestPostgresIsKilledAndStarted(t *testing.T) {
	p := OwnPostgres(t)
	url := p.NewDatabase(t)
	conn, err := pgx.Connect(t.Context(), url)
	must(t, err)
	_, err = conn.Exec(t.Context(), "CREATE TABLE kept AS SELECT 7 AS n")
	must(t, err)
	p.Kill(t)
	if _, err := conn.Exec(t.Context(), "SELECT 1"); err == nil {
		t.Error("a killed server answers")
	}
	if _, err := os.Stat(p.dir); err != nil {
		t.Error(err)
	}
	p.Start(t)
	conn, err = pgx.Connect(t.Context(), url)
	must(t, err)
	var n int
	if err := conn.QueryRow(t.Context(), "SELECT n FROM kept").Scan(&n); err != nil || n != 7 {
		t.Errorf("after a crash: %d, %v", n, err)
	}
	p.TerminateSessions(t)
	if _, err := conn.Exec(t.Context(), "SELECT 1"); err == nil {
		t.Error("a terminated session answers")
	}
}
