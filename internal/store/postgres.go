package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"
)

var postgresDialect = dialect{
	name:  "postgres",
	goose: goose.DialectPostgres,
	// Of the statement, not of the call: an index can be searched by what does not change on the way.
	now:     "CAST(floor(extract(epoch FROM statement_timestamp()) * 1000) AS BIGINT)",
	begin:   "SELECT CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS BIGINT) FROM pg_advisory_xact_lock_shared(7220183)",
	write:   " FOR NO KEY UPDATE",
	keep:    " FOR KEY SHARE",
	skip:    " FOR NO KEY UPDATE SKIP LOCKED",
	single:  "SELECT pg_advisory_xact_lock(7220181)",
	objects: "json_array_elements(CAST(%s AS json)) AS wanted (value)",
	words:   "json_array_elements_text(CAST(%s AS json)) AS wanted (value)",
	refKey:  "repository_id, sha256(name)",
	person:  "sha256(%s)",
	counts:  `"C"`,
	cleans:  true, prepares: true,
}

// postgresTimeouts end what nobody waits for any more. A process that stopped, or whose machine went away, in the middle
// of a transaction keeps its rows from its successor for as long as idle_in_transaction_session_timeout; who waits for
// them waits longer than that.
var postgresTimeouts = map[string]string{
	"lock_timeout":                        "20s",
	"idle_in_transaction_session_timeout": "15s",
	"tcp_user_timeout":                    "15s",
	"timezone":                            "UTC",
	"default_transaction_isolation":       "read committed",
}

// isPostgres reports whether a database is named by a URL of a Postgres server.
func isPostgres(where string) bool {
	return strings.HasPrefix(where, "postgres://") || strings.HasPrefix(where, "postgresql://")
}

func openPostgres(ctx context.Context, where string, p patience) (*DB, error) {
	config, err := parsePostgres(where)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if err := migrateAlone(ctx, config); err != nil {
		return nil, explainOpen(err, config)
	}
	for name, value := range postgresTimeouts {
		config.RuntimeParams[name] = value
	}
	reading := config.Copy()
	reading.RuntimeParams["default_transaction_read_only"] = "on"
	write := openLines(config, postgresWriters, p.writes, p.writes+p.spoken)
	read := openLines(reading, postgresReaders, p.reads, p.reads+p.spoken)
	lasting := openLines(reading, 2, 0, 0)
	return &DB{
		write: write.DB, read: newPool(read.DB, &postgresDialect), lasting: lasting.DB, dialect: &postgresDialect, answers: p.answers,
		cut: func() {
			for _, of := range []lines{write, read, lasting} {
				of.Cut()
			}
		},
	}, nil
}

// parsePostgres returns how to connect to the database of a URL.
func parsePostgres(where string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(where)
	if err != nil { // its text repeats parts of the URL
		return nil, errors.New("this is not a URL of a Postgres database: it is written as postgres://user:password@host:5432/name?sslmode=require")
	}
	config.ConnectTimeout = connectTimeout
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = fmt.Sprint("rehome ", os.Getpid())
	}
	return config, nil
}

// migrateAlone migrates while no other process does. A migration takes as long as it takes.
func migrateAlone(ctx context.Context, config *pgx.ConnConfig) error {
	db := openLines(config, 2, 0, 0)
	defer db.Close() //nolint:errcheck // what was asked is done or not
	var conn *sql.Conn
	err := patiently(ctx, func() (err error) {
		conn, err = db.Conn(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	// Closed, not given back: the lock ends with the session, whatever happened in it.
	defer conn.Raw(func(any) error { return errConnDone }) //nolint:errcheck // it says what it was told
	if err := lockAlone(ctx, conn); err != nil {
		return fmt.Errorf("wait for others to migrate the database: %w", err)
	}
	return migrate(ctx, db.DB, &postgresDialect)
}

// lockAlone waits until no other session has the lock of those that migrate. It asks again and again: a wait for a lock
// looks like a server that does not answer.
func lockAlone(ctx context.Context, conn *sql.Conn) error {
	if _, err := conn.ExecContext(ctx, "SET idle_session_timeout = 0"); err != nil {
		return err
	}
	for {
		var ours bool
		if err := conn.QueryRowContext(ctx, "SELECT pg_try_advisory_lock(7220180)").Scan(&ours); err != nil || ours {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lockEvery):
		}
	}
}

// Codes of SQLSTATE.
const (
	uniqueViolation = "23505"
	diskFull        = "53100"
)

// postgresCode is the SQLSTATE of Postgres's error in err, "" for none.
func postgresCode(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
