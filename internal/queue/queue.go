// Package queue carries wake-ups: the ids of imports somebody should look at.
//
// A wake-up is a hint. It may be lost, come twice or come too late, and nothing goes
// wrong: what is due stands in the import's row, and a sweep finds what no wake-up told.
// River does the waking: on a SQLite file of its own, so that its writes never wait for
// the application's or the other way round, or in a schema of the Postgres database that
// all processes share.
package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/riverqueue/river"

	"rehome/internal/store"
)

// never is longer than any process lives.
const never = 10 * 365 * 24 * time.Hour

// MaxWorkers is the most workers that a queue takes.
const MaxWorkers = river.QueueNumWorkersMax

// sweepEvery is how long a lost wake-up can delay an import.
const sweepEvery = 3 * time.Second

// wakeWithin bounds a wake-up that nobody waits for: a sweep makes up for it.
const wakeWithin = 4 * time.Second

// carrier is River on one of the engines.
type carrier interface {
	// insert adds a wake-up, unless there is one that does the same.
	insert(ctx context.Context, id int64) error
	// start hands wake-ups to workers, stop ends that and waits for them until ctx ends.
	start(ctx context.Context) error
	stop(ctx context.Context) error
	Close() error
}

// Queue hands import ids to workers.
type Queue struct {
	carrier carrier
	working bool
	log     *slog.Logger
	end     context.CancelFunc // ends the sweeps
	sweeper sync.WaitGroup
	alarms  alarms
	waking  func() (context.Context, context.CancelFunc) // for a wake-up that nobody waits for; it ends with the queue
}

// Open opens the queue in the Postgres database of a URL, or in a SQLite file, which it makes when it is missing, and
// starts workers. With 0 workers it only takes wake-ups, for other processes.
//
// work is called with an id that was woken, by at most workers goroutines at once; its
// error is logged and changes nothing. sweep is called at once and then every few
// seconds by one goroutine, in each process that has workers; it is to Wake whatever is due. Wake-ups an earlier process
// left in a file are dropped: the first sweep makes those that still count. On Postgres they are the other processes', too, and stay.
func Open(ctx context.Context, where string, workers int, work func(ctx context.Context, id int64) error, sweep func(context.Context) error, log *slog.Logger) (*Queue, error) {
	open := openSQLite
	if strings.HasPrefix(where, "postgres://") || strings.HasPrefix(where, "postgresql://") {
		open = openPostgres
	}
	c, err := open(ctx, where, settings(workers, work, log))
	if err != nil {
		return nil, fmt.Errorf("open queue: %w", err)
	}
	// It lives until Close, not until whatever ctx stands for has ended.
	running, end := context.WithCancel(context.WithoutCancel(ctx))
	q := &Queue{carrier: c, working: workers > 0, log: log, end: end, waking: func() (context.Context, context.CancelFunc) {
		return context.WithTimeout(running, wakeWithin)
	}}
	if !q.working {
		return q, nil
	}
	if err := c.start(context.WithoutCancel(ctx)); err != nil {
		end()
		return nil, errors.Join(fmt.Errorf("start queue: %w", err), c.Close())
	}
	q.sweeper.Go(func() { q.sweep(running, sweep) })
	return q, nil
}

// settings are what River is told on every engine.
func settings(workers int, work func(context.Context, int64) error, log *slog.Logger) *river.Config {
	config := &river.Config{
		JobTimeout:                  -1,    // an import takes as long as it takes
		RescueStuckJobsAfter:        never, // River's own would discard a job that runs for an hour
		CompletedJobRetentionPeriod: time.Minute,
		Logger:                      slog.New(muffled{log.Handler()}),
	}
	if workers > 0 {
		config.Workers = river.NewWorkers()
		river.AddWorker(config.Workers, &worker{work: work, log: log})
		config.Queues = map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: workers}}
	}
	return config
}

// Wake asks that somebody looks at the import. While a wake-up of it waits, another adds nothing.
func (q *Queue) Wake(ctx context.Context, id int64) error {
	if err := q.carrier.insert(ctx, id); err != nil {
		return fmt.Errorf("wake import %d: %w", id, err)
	}
	return nil
}

// WakeAt is Wake after a while; of several for one import the last one counts. Like any
// wake-up it may be lost, and is when the process ends before.
func (q *Queue) WakeAt(id int64, after time.Duration) {
	q.alarms.set(id, after, func() {
		ctx, end := q.waking()
		defer end()
		if err := q.Wake(ctx, id); err != nil && !errors.Is(ctx.Err(), context.Canceled) {
			q.log.Log(ctx, min(level(err), slog.LevelWarn), "wake import", "import", id, "err", err)
		}
	})
}

// Close cancels the contexts of running workers and of wake-ups that WakeAt makes, waits for them until ctx ends, and
// closes what Open opened, which takes a second more at most.
func (q *Queue) Close(ctx context.Context) error {
	q.end()
	q.alarms.close()
	q.sweeper.Wait()
	var err error
	if q.working {
		err = q.carrier.stop(ctx)
	}
	return errors.Join(err, q.carrier.Close())
}

func (q *Queue) sweep(ctx context.Context, sweep func(context.Context) error) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		if err := sweep(ctx); err != nil && ctx.Err() == nil {
			q.log.Log(ctx, level(err), "sweep for due imports", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// wake is the one kind of job there is.
type wake struct {
	ImportID int64 `json:"import_id"`
}

// Kind names the job in the file.
func (wake) Kind() string { return "wake_import" }

// worker turns jobs into calls of work.
type worker struct {
	river.WorkerDefaults[wake]
	work func(ctx context.Context, id int64) error
	log  *slog.Logger
}

// Work always succeeds: when to try again is the row's business, not the queue's.
func (w *worker) Work(ctx context.Context, job *river.Job[wake]) error {
	if err := w.work(ctx, job.Args.ImportID); err != nil && ctx.Err() == nil {
		w.log.Log(ctx, level(err), "work on import", "import", job.Args.ImportID, "err", err)
	}
	return nil
}

// level is how bad an error is: whoever runs the server says once that the database is away, and here it is met all the time.
func level(err error) slog.Level {
	if store.Unavailable(err) {
		return slog.LevelDebug
	}
	return slog.LevelError
}

// muffled has what River warns of at the level debug, and drops what it says about its ordinary day. A wake-up that it loses
// is made up for by a sweep, which speaks for itself; and of an outage it tells again and again.
type muffled struct{ slog.Handler }

// Enabled reports whether a record of that level is kept.
func (h muffled) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && h.Handler.Enabled(ctx, slog.LevelDebug)
}

// Handle writes a record at the level debug.
func (h muffled) Handle(ctx context.Context, r slog.Record) error {
	r = r.Clone()
	r.AddAttrs(slog.String("river", r.Level.String()))
	r.Level = slog.LevelDebug
	return h.Handler.Handle(ctx, r)
}

// WithAttrs keeps the bar on the handler made.
func (h muffled) WithAttrs(attrs []slog.Attr) slog.Handler {
	return muffled{h.Handler.WithAttrs(attrs)}
}

// WithGroup keeps the bar on the handler made.
func (h muffled) WithGroup(name string) slog.Handler { return muffled{h.Handler.WithGroup(name)} }
