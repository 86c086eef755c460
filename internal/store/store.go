// Package store keeps the rows: owners, repositories, tokens, imports and what belongs to them.
//
// Rows are the truth. A row says what is wanted and what is done; whoever works on an
// import holds its lease, and every write made under a lease checks the lease's fence.
// Times in rows are milliseconds since 1970, and whatever expires does so by the
// database's own clock.
//
// Engines are SQLite and Postgres. A transaction locks what it reads in order to write, in this order, so that two never
// wait for each other: repository, import, destination and refs, owner, hook, delivery.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"rehome"
	"rehome/internal/pgline"
)

// DB is an open database. It is safe for concurrent use.
type DB struct {
	write   *sql.DB
	read    *pool
	lasting *sql.DB // reads for as long as it takes
	*dialect
	answers  time.Duration // that the beginning and the end of a transaction take at most; 0 is as long as they take
	cut      func()        // ends what Close leaves
	limits   Limits
	hostless bool
	process  string
}

// Options are what a database is opened with. The zero value has no limits.
type Options struct {
	Limits   Limits
	Process  string // the id of this process, as of Announce: what it left to others is not due here while they live; "" for none
	Hostless bool   // this process cannot push to the built-in host: where another process has it, imports for it are not due here
}

// Open is Options.Open without any.
func Open(ctx context.Context, where string) (*DB, error) { return Options{}.Open(ctx, where) }

// Open opens the Postgres database of a URL (postgres://user@host/name; a password in it, in PGPASSWORD or in a file of
// passwords is never repeated), or the SQLite file at a path, which it makes when it is missing, and brings the schema up
// to date. A database written by a newer Rehome is refused.
func (o Options) Open(ctx context.Context, where string) (db *DB, err error) {
	if err := checkWhere(where); err != nil {
		return nil, err
	}
	if isPostgres(where) {
		db, err = openPostgres(ctx, where, usual)
	} else {
		db, err = openSQLite(ctx, where)
	}
	if err != nil {
		return nil, err
	}
	db.limits, db.hostless, db.process = o.Limits, o.Hostless, o.Process
	return db, nil
}

// Close closes the database. Whoever still asks it something is told that it is gone.
func (db *DB) Close() error {
	err := errors.Join(db.read.Close(), db.lasting.Close(), db.write.Close())
	db.cut()
	return err
}

// Ping reports whether the database can be written to.
func (db *DB) Ping(ctx context.Context) error {
	return db.inTx(ctx, func(*Tx) error { return nil })
}

// Tx is a writing transaction. It is valid inside the function it was handed to.
type Tx struct {
	tx writer
	*dialect
	limits  Limits
	Now     time.Time // the database's clock
	answers time.Duration
	end     context.CancelCauseFunc
}

// writer writes texts that the engine takes.
type writer struct {
	*sql.Tx
	clean func([]any) []any
}

// ExecContext is sql.Tx's.
func (w writer) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return w.Tx.ExecContext(ctx, query, w.clean(args)...)
}

// QueryContext is sql.Tx's.
func (w writer) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return w.Tx.QueryContext(ctx, query, w.clean(args)...)
}

// QueryRowContext is sql.Tx's.
func (w writer) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return w.Tx.QueryRowContext(ctx, query, w.clean(args)...)
}

// inTx runs do, once, in one writing transaction, which is undone when do returns an error. It waits some seconds for a
// database that does not answer; once do has run, an error for which Unavailable is true is left to the caller.
// rehome.DiskFull when the database cannot grow. ErrOutcomeUnknown when it was lost during the commit.
func (db *DB) inTx(ctx context.Context, do func(*Tx) error) error {
	var t *Tx
	err := patiently(ctx, func() (err error) {
		t, err = db.begin(ctx)
		return err
	})
	if err == nil {
		err = t.run(do)
	}
	if isFull(err) {
		return &rehome.Error{
			Code: rehome.DiskFull, Message: "The server has no space left.",
			Hint: "Ask its operator, then try again.", Err: err,
		}
	}
	return err
}

func (db *DB) begin(ctx context.Context) (t *Tx, err error) {
	ctx, end := context.WithCancelCause(ctx)
	err = within(db.answers, end, func() (err error) {
		t, err = db.beginTx(ctx)
		return err
	})
	if err != nil {
		end(nil)
		return nil, err
	}
	t.answers, t.end = db.answers, end
	return t, nil
}

func (db *DB) beginTx(ctx context.Context) (*Tx, error) {
	tx, err := db.write.BeginTx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	var now int64
	if err := tx.QueryRowContext(ctx, db.dialect.begin).Scan(&now); err != nil {
		tx.Rollback() //nolint:errcheck // the first error counts
		return nil, fmt.Errorf("ask the database's clock: %w", err)
	}
	return &Tx{tx: writer{tx, db.clean}, dialect: db.dialect, limits: db.limits, Now: fromMillis(now)}, nil
}

// within does what should take no longer than most, and ends it with end when it does; 0 is no limit. Its error is
// pgline.ErrSilent then.
func within(most time.Duration, end context.CancelCauseFunc, do func() error) error {
	if most == 0 {
		return do()
	}
	late := time.AfterFunc(most, func() { end(pgline.ErrSilent) })
	err := do()
	if !late.Stop() && err != nil {
		return fmt.Errorf("%w: no answer within %v", pgline.ErrSilent, most)
	}
	return err
}

func (t *Tx) run(do func(*Tx) error) error {
	defer func() {
		within(t.answers, t.end, t.tx.Rollback) //nolint:errcheck // after Commit it says ErrTxDone, before it the first error counts
		t.end(nil)
	}()
	if err := do(t); err != nil {
		return err
	}
	err := within(t.answers, t.end, t.tx.Commit)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("commit: %w", err)
	// Where the server said nothing. That nothing was sent is not to be had from the driver: of a line that is cut off while
	// it waits for the answer it says the same as of one that was cut before.
	if postgresCode(err) == "" && Unavailable(err) {
		err = fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
	}
	return err
}

// alone makes the transaction wait until no other is alone: those that lock many rows would else lock each other out.
func (t *Tx) alone(ctx context.Context) error {
	if t.single == "" {
		return nil
	}
	_, err := t.tx.ExecContext(ctx, t.single)
	return err
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
