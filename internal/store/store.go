// Package store keeps the rows: owners, repositories, tokens, imports and what belongs to them.
//
// Rows are the truth. A row says what is wanted and what is done; whoever works on an
// import holds its lease, and every write made under a lease checks the lease's fence.
// Times in rows are milliseconds since 1970, and whatever expires does so by the
// database's own clock.
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
	"time"

	"rehome"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// DB is an open database. It is safe for concurrent use.
type DB struct {
	write *sql.DB // one connection: writers wait here, in turn, instead of at the file's lock
	read  *pool
	now   string // SQL for the database's clock, in milliseconds since 1970
}

// Open opens the SQLite file at path, makes it when it is missing, and brings its
// schema up to date. A file written by a newer Rehome is refused.
func Open(ctx context.Context, path string) (*DB, error) {
	if err := createPrivate(path); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	write, err := sql.Open("sqlite", dsn(path, "_txlock=immediate"))
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	write.SetMaxOpenConns(1)
	if err := migrate(ctx, write); err != nil {
		return nil, errors.Join(err, write.Close())
	}
	read, err := sql.Open("sqlite", dsn(path, "_pragma=query_only(1)"))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open database: %w", err), write.Close())
	}
	readers := 2 + 2*runtime.GOMAXPROCS(0)
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers) // opening one costs more than most reads
	return &DB{write: write, read: newPool(read), now: "CAST(unixepoch('subsec') * 1000 AS INTEGER)"}, nil
}

// Close closes the database.
func (db *DB) Close() error { return errors.Join(db.read.Close(), db.write.Close()) }

// Ping reports whether the database can be written to.
func (db *DB) Ping(ctx context.Context) error {
	return db.inTx(ctx, func(*Tx) error { return nil })
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

// Tx is a writing transaction. It is valid inside the function it was handed to.
type Tx struct {
	tx  *sql.Tx
	Now time.Time // the database's clock
}

// inTx runs do in one writing transaction, which is undone when do returns an error.
// rehome.DiskFull when the file cannot grow.
func (db *DB) inTx(ctx context.Context, do func(*Tx) error) error {
	err := db.tryTx(ctx, do)
	if isFull(err) {
		return &rehome.Error{
			Code: rehome.DiskFull, Message: "The server has no space left.",
			Hint: "Ask its operator, then try again.", Err: err,
		}
	}
	return err
}

func (db *DB) tryTx(ctx context.Context, do func(*Tx) error) error {
	tx, err := db.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it says ErrTxDone, before it the first error counts
	t := &Tx{tx: tx}
	var now int64
	if err := tx.QueryRowContext(ctx, "SELECT "+db.now).Scan(&now); err != nil {
		return fmt.Errorf("ask the database's clock: %w", err)
	}
	t.Now = fromMillis(now)
	if err := do(t); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// row is what *sql.Row and *sql.Rows have in common.
type row interface{ Scan(dest ...any) error }

// queryer reads through a transaction or through the pool.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// collect runs a query and scans each of its rows.
func collect[T any](ctx context.Context, q queryer, scan func(row) (T, error), query string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err has what matters
	var all []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// found turns a missing row into the domain's NotFound; what names the thing looked for.
func found(err error, what string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return &rehome.Error{Code: rehome.NotFound, Message: "There is no such " + what + "."}
	}
	return fmt.Errorf("read %s: %w", what, err)
}

// millis is a time as rows keep it; the zero time is 0.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
