// Package queue carries wake-ups: the ids of imports somebody should look at.
//
// A wake-up is a hint. It may be lost, come twice or come too late, and nothing goes
// wrong: what is due stands in the import's row, and a sweep finds what no wake-up told.
// River does the waking, on a SQLite file of its own, so that its writes never wait for
// the application's or the other way round.
package queue

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// never is longer than any process lives.
const never = 10 * 365 * 24 * time.Hour

// sweepEvery is how long a lost wake-up can delay an import.
const sweepEvery = 3 * time.Second

// Queue hands import ids to workers.
type Queue struct {
	db      *sql.DB
	client  *river.Client[*sql.Tx]
	log     *slog.Logger
	stop    context.CancelFunc // ends the sweeps
	sweeper sync.WaitGroup
	alarms  alarms
}

// Open opens the queue file at path, makes it when missing, and starts workers.
//
// work is called with an id that was woken, by at most workers goroutines at once; its
// error is logged and changes nothing. sweep is called at once and then every few
// seconds by one goroutine; it is to Wake whatever is due. Wake-ups an earlier process
// left in the file are dropped: the first sweep makes those that still count.
func Open(ctx context.Context, path string, workers int, work func(ctx context.Context, id int64) error, sweep func(context.Context) error, log *slog.Logger) (*Queue, error) {
	db, err := openFile(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("open queue: %w", err)
	}
	kinds := river.NewWorkers()
	river.AddWorker(kinds, &worker{work: work, log: log})
	client, err := river.NewClient(riversqlite.New(db), &river.Config{
		Queues:                      map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: workers}},
		Workers:                     kinds,
		JobTimeout:                  -1,    // an import takes as long as it takes
		RescueStuckJobsAfter:        never, // River's own would discard a job that runs for an hour
		CompletedJobRetentionPeriod: time.Minute,
		Logger:                      slog.New(atLeastWarn{log.Handler()}),
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open queue: %w", err), db.Close())
	}
	// The client lives until Close, not until whatever ctx stands for has ended.
	if err := client.Start(context.WithoutCancel(ctx)); err != nil {
		return nil, errors.Join(fmt.Errorf("start queue: %w", err), db.Close())
	}
	sweeping, stop := context.WithCancel(context.WithoutCancel(ctx))
	q := &Queue{db: db, client: client, log: log, stop: stop}
	q.sweeper.Go(func() { q.sweep(sweeping, sweep) })
	return q, nil
}

// Wake asks that somebody looks at the import. While a wake-up of it waits or its
// worker runs, another adds nothing.
func (q *Queue) Wake(ctx context.Context, id int64) error {
	if _, err := q.client.Insert(ctx, wake{ImportID: id}, nil); err != nil {
		return fmt.Errorf("wake import %d: %w", id, err)
	}
	return nil
}

// WakeAt is Wake after a while; of several for one import the last one counts. Like any
// wake-up it may be lost, and is when the process ends before.
func (q *Queue) WakeAt(id int64, after time.Duration) {
	q.alarms.set(id, after, func() {
		if err := q.Wake(context.Background(), id); err != nil {
			q.log.Warn("wake import", "import", id, "err", err)
		}
	})
}

// Close cancels the contexts of running workers, waits for them until ctx ends, and
// closes the file.
func (q *Queue) Close(ctx context.Context) error {
	q.stop()
	q.alarms.close()
	q.sweeper.Wait()
	err := q.client.StopAndCancel(ctx)
	return errors.Join(err, q.db.Close())
}

func (q *Queue) sweep(ctx context.Context, sweep func(context.Context) error) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		if err := sweep(ctx); err != nil && ctx.Err() == nil {
			q.log.Error("sweep for due imports", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
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

// wake is the one kind of job there is.
type wake struct {
	ImportID int64 `json:"import_id"`
}

// Kind names the job in the file.
func (wake) Kind() string { return "wake_import" }

// InsertOpts keeps one unfinished job per import.
func (wake) InsertOpts() river.InsertOpts {
	return river.InsertOpts{
		MaxAttempts: 1,
		UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
			rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning,
			rivertype.JobStateRetryable, rivertype.JobStateScheduled,
		}},
	}
}

// worker turns jobs into calls of work.
type worker struct {
	river.WorkerDefaults[wake]
	work func(ctx context.Context, id int64) error
	log  *slog.Logger
}

// Work always succeeds: when to try again is the row's business, not the queue's.
func (w *worker) Work(ctx context.Context, job *river.Job[wake]) error {
	if err := w.work(ctx, job.Args.ImportID); err != nil && ctx.Err() == nil {
		w.log.Error("work on import", "import", job.Args.ImportID, "err", err)
	}
	return nil
}

// atLeastWarn drops what River says about its ordinary day.
type atLeastWarn struct{ slog.Handler }

// Enabled reports whether a record of that level is kept.
func (h atLeastWarn) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && h.Handler.Enabled(ctx, l)
}

// WithAttrs keeps the bar on the handler made.
func (h atLeastWarn) WithAttrs(attrs []slog.Attr) slog.Handler {
	return atLeastWarn{h.Handler.WithAttrs(attrs)}
}

// WithGroup keeps the bar on the handler made.
func (h atLeastWarn) WithGroup(name string) slog.Handler {
	return atLeastWarn{h.Handler.WithGroup(name)}
}
