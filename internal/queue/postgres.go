package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"rehome/internal/pgline"
)

const (
	// schema holds River's tables, beside the application's in the same database.
	schema = "river"
	// connections bounds those of one process; one of them listens.
	connections = 6
	// pollEvery is how late a wake-up comes whose notification was lost.
	pollEvery = 5 * time.Second
	// lockEvery is how late a start comes after another's that prepared the queue.
	lockEvery = 200 * time.Millisecond
	// pongTimeout is how long a connection has to answer that was idle and is to be used.
	pongTimeout = 3 * time.Second
)

// patience is how long is waited for a server that may not be there any more, or stands still.
type patience struct {
	statements time.Duration // River's take; the server ends those that take longer
	silence    time.Duration // nothing comes on a connection that waits
	closing    time.Duration // Close waits for what is under way
}

var usual = patience{statements: 25 * time.Second, silence: 30 * time.Second, closing: time.Second}

// shared is a queue of many processes. River elects one of them to clean up; a notification tells all that have a
// worker free.
type shared struct {
	pool    *pgxpool.Pool
	lines   *pgline.Lines // of the pool
	closing time.Duration
	client  *river.Client[pgx.Tx]
}

func openPostgres(ctx context.Context, where string, config *river.Config) (carrier, error) {
	return openShared(ctx, where, config, usual)
}

func openShared(ctx context.Context, where string, config *river.Config, p patience) (*shared, error) {
	settings, err := pgxpool.ParseConfig(where)
	if err != nil { // its text repeats parts of the URL
		return nil, errors.New("this is not a URL of a Postgres database")
	}
	settings.ConnConfig.ConnectTimeout = pollEvery
	settings.PingTimeout = pongTimeout
	if err := prepare(ctx, settings); err != nil {
		return nil, err
	}
	settings.MaxConns = connections
	for name, value := range map[string]string{
		"statement_timeout": fmt.Sprint(p.statements.Milliseconds()), "lock_timeout": "20s",
		"idle_in_transaction_session_timeout": "15s", "tcp_user_timeout": "15s", "timezone": "UTC",
	} {
		settings.ConnConfig.RuntimeParams[name] = value
	}
	s := &shared{lines: pgline.New(p.silence), closing: p.closing}
	settings.ConnConfig.DialFunc = s.lines.Dial
	if s.pool, err = pgxpool.NewWithConfig(ctx, settings); err != nil {
		return nil, err
	}
	config.Schema, config.FetchPollInterval = schema, pollEvery
	if s.client, err = river.NewClient(riverpgxv5.New(s.pool), config); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// prepare makes the schema, or brings it up to date, while no other process does. That takes as long as it takes.
func prepare(ctx context.Context, settings *pgxpool.Config) error {
	settings = settings.Copy()
	settings.MaxConns = 2
	settings.ConnConfig.DialFunc = pgline.New(0).Dial
	pool, err := pgxpool.NewWithConfig(ctx, settings)
	if err != nil {
		return err
	}
	defer pool.Close()
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer func() {
		conn.Conn().Close(context.WithoutCancel(ctx)) //nolint:errcheck // the lock ends with it, and nothing is left to do on it
		conn.Release()
	}()
	if err := lockAlone(ctx, conn); err != nil {
		return fmt.Errorf("wait for others to make the queue: %w", err)
	}
	if _, err := conn.Exec(ctx, "CREATE SCHEMA IF NOT EXISTS "+schema); err != nil {
		return err
	}
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Schema: schema, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, waitsOnce+"; "+forgetDead)
	return err
}

// lockAlone waits until no other session has the lock of those that prepare, or ctx ends.
func lockAlone(ctx context.Context, conn *pgxpool.Conn) error {
	for {
		var ours bool
		if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock(7220182)").Scan(&ours); err != nil || ours {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lockEvery):
		}
	}
}

const (
	// waitsOnce keeps one waiting wake-up per import. River's own uniqueness has to count running jobs, too, and one that a
	// killed worker was running would count for good: then nothing could wake the import. Two workers with one import do no
	// harm, for one of them has the lease.
	waitsOnce = "CREATE UNIQUE INDEX IF NOT EXISTS wake_import_waits ON " + schema + ".river_job ((args ->> 'import_id')) WHERE " + waits
	waits     = "kind = 'wake_import' AND state IN ('available', 'scheduled')"

	// forgetDead takes jobs away that killed workers left running. One that runs for days on end and is alive does not miss its row.
	forgetDead = "DELETE FROM " + schema + ".river_job WHERE state = 'running' AND attempted_at < now() - interval '7 days'"
)

func (s *shared) start(ctx context.Context) error { return s.client.Start(ctx) }
func (s *shared) stop(ctx context.Context) error  { return s.client.StopAndCancel(ctx) }

// Close closes the connections. What River still waits for on them, as for a server that fell silent, is cut off after a while.
func (s *shared) Close() error {
	defer time.AfterFunc(s.closing, s.lines.Cut).Stop()
	s.pool.Close()
	s.lines.Cut()
	return nil
}

// insert looks first: a sweep finds the same imports again and again while they wait.
func (s *shared) insert(ctx context.Context, id int64) error {
	var there bool
	err := s.pool.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM "+schema+".river_job WHERE "+waits+" AND args ->> 'import_id' = $1)", fmt.Sprint(id)).Scan(&there)
	if err != nil || there {
		return err
	}
	_, err = s.client.Insert(ctx, wake{ImportID: id}, &river.InsertOpts{MaxAttempts: 1})
	var known *pgconn.PgError
	if errors.As(err, &known) && known.ConstraintName == "wake_import_waits" {
		return nil // another was quicker
	}
	return err
}
