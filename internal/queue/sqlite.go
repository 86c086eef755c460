package queue

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// file is a queue of one process.
type file struct {
	db     *sql.DB
	client *river.Client[*sql.Tx]
	mu     sync.Mutex // held from the look at what waits until something is added
}

func openSQLite(ctx context.Context, path string, config *river.Config) (carrier, error) {
	db, err := openFile(ctx, path)
	if err != nil {
		return nil, err
	}
	client, err := river.NewClient(riversqlite.New(db), config)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &file{db: db, client: client}, nil
}

func (f *file) start(ctx context.Context) error { return f.client.Start(ctx) }
func (f *file) stop(ctx context.Context) error  { return f.client.StopAndCancel(ctx) }

// Close closes the file.
func (f *file) Close() error { return f.db.Close() }

// insert looks first, as the other engine does. River's own uniqueness would count running jobs, too: a worker goes on with
// other imports once it is woken, and for that long nobody could wake the one it was woken for.
func (f *file) insert(ctx context.Context, id int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var there bool
	err := f.db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM river_job
		WHERE kind = 'wake_import' AND state IN ('available', 'scheduled') AND json_extract(args, '$.import_id') = ?)`, id).Scan(&there)
	if err == nil && !there {
		_, err = f.client.Insert(ctx, wake{ImportID: id}, &river.InsertOpts{MaxAttempts: 1})
	}
	return err
}

// openFile opens and migrates the file and empties it of what an earlier process left.
func openFile(ctx context.Context, path string) (*sql.DB, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	// For its owner alone; SQLite gives the same mode to the files it puts beside it.
	file, err := os.OpenFile(abs, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(file.Chmod(0o600), file.Close()); err != nil {
		return nil, err
	}
	// Nothing here has to outlive a power cut, so no commit waits for the disk.
	dsn := url.URL{
		Scheme: "file", Path: abs,
		RawQuery: "_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)&_txlock=immediate",
	}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1) // River expects it of SQLite
	if err := migrate(ctx, db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func migrate(ctx context.Context, db *sql.DB) error {
	migrator, err := rivermigrate.New(riversqlite.New(db), &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return err
	}
	// A job that a killed process was running would count as running for good, and
	// its leadership would last until it expired.
	_, err = db.ExecContext(ctx, "DELETE FROM river_job; DELETE FROM river_leader")
	return err
}
