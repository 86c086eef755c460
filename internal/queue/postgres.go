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
)

const (
	// schema holds River's tables, beside the application's in the same database.
	schema = "river"
	// connections bounds those of one process; one of them listens.
	connections = 6
	// pollEvery is how late a wake-up comes whose notification was lost.
	pollEvery = 5 * time.Second
)

// shared is a queue of many processes. River elects one of them to clean up; a notification tells all that have a
// worker free.
type shared struct {
	pool   *pgxpool.Pool
	client *river.Client[pgx.Tx]
}

func openPostgres(ctx context.Context, where string, config *river.Config) (carrier, error) {
	settings, err := pgxpool.ParseConfig(where)
	if err != nil { // its text repeats parts of the URL
		return nil, errors.New("this is not a URL of a Postgres database")
	}
	settings.MaxConns = connections
	settings.ConnConfig.ConnectTimeout = pollEvery
	for name, value := range map[string]string{
		"statement_timeout": "60s", "lock_timeout": "20s", "idle_in_transaction_session_timeout": "15s", "timezone": "UTC",
	} {
		settings.ConnConfig.RuntimeParams[name] = value
	}
	pool, err := pgxpool.NewWithConfig(ctx, settings)
	if err != nil {
		return nil, err
	}
	s := &shared{pool: pool}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	config.Schema, config.FetchPollInterval = schema, pollEvery
	if s.client, err = river.NewClient(riverpgxv5.New(pool), config); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// prepare makes the schema, or brings it up to date, while no other process does.
func (s *shared) prepare(ctx context.Context) error {
	pooled, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	conn := pooled.Hijack()                      // the lock ends with it
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing is left to do on it
	if _, err := conn.Exec(ctx, "SET lock_timeout = 0; SET statement_timeout = 0; SELECT pg_advisory_lock(7220182); CREATE SCHEMA IF NOT EXISTS "+schema); err != nil {
		return fmt.Errorf("wait for others to make the queue: %w", err)
	}
	migrator, err := rivermigrate.New(riverpgxv5.New(s.pool), &rivermigrate.Config{Schema: schema, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, waitsOnce+"; "+forgetDead)
	return err
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

// Close closes the connections.
func (s *shared) Close() error {
	s.pool.Close()
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
