package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite" // the driver "sqlite", too
	sqlite3 "modernc.org/sqlite/lib"
)

var sqliteDialect = dialect{
	name:    "sqlite",
	goose:   goose.DialectSQLite3,
	now:     "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
	begin:   "SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER)",
	objects: "json_each(%s) AS wanted",
	words:   "json_each(%s) AS wanted",
	refKey:  "repository_id, name",
	person:  "%s",
	counts:  "NOCASE",
}

// openSQLite opens a file and makes it when it is missing.
func openSQLite(ctx context.Context, path string) (*DB, error) {
	if err := createPrivate(path); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	write, err := sql.Open("sqlite", dsn(path, "_txlock=immediate"))
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	write.SetMaxOpenConns(1) // writers wait here, in turn, instead of at the file's lock
	if err := migrate(ctx, write, &sqliteDialect); err != nil {
		return nil, errors.Join(err, write.Close())
	}
	read, err := sql.Open("sqlite", dsn(path, "_pragma=query_only(1)"))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open database: %w", err), write.Close())
	}
	readers := 2 + 2*runtime.GOMAXPROCS(0)
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers) // opening one costs more than most reads
	return &DB{write: write, read: newPool(read, &sqliteDialect), lasting: read, dialect: &sqliteDialect, cut: func() {}}, nil
}

// createPrivate makes the file for its owner alone; SQLite gives the same mode to the
// files it puts beside it.
func createPrivate(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// dsn names the file with the settings every connection needs. synchronous(FULL) makes
// a commit outlive a power cut; WAL alone does not promise that.
func dsn(path, extra string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		abs = path
	}
	u := url.URL{
		Scheme: "file", Path: abs,
		RawQuery: "_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&" + extra,
	}
	return u.String()
}

// sqliteCode is the code of SQLite's error in err, 0 for none.
func sqliteCode(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return 0
}

func sqliteFull(err error) bool { return sqliteCode(err) == sqlite3.SQLITE_FULL }

// sqliteBusy reports whether another process kept the file locked for longer than busy_timeout.
func sqliteBusy(err error) bool { return sqliteCode(err)&0xff == sqlite3.SQLITE_BUSY }

func sqliteDuplicate(err error) bool {
	code := sqliteCode(err)
	return code == sqlite3.SQLITE_CONSTRAINT_UNIQUE || code == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
}
