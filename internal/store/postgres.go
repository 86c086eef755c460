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
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

var postgresDialect = dialect{
	name:  "postgres",
	goose: goose.DialectPostgres,
	// Of the statement, not of the call: an index can be searched by what does not change on the way.
	now:     "CAST(floor(extract(epoch FROM statement_timestamp()) * 1000) AS BIGINT)",
	write:   " FOR NO KEY UPDATE",
	keep:    " FOR KEY SHARE",
	skip:    " FOR NO KEY UPDATE SKIP LOCKED",
	single:  "SELECT pg_advisory_xact_lock(7220181)",
	objects: "json_array_elements(CAST(%s AS json)) AS wanted (value)",
	words:   "json_array_elements_text(CAST(%s AS json)) AS wanted (value)",
	refKey:  "repository_id, sha256(name)",
	counts:  `"C"`,
	cleans:  true, prepares: true,
}

const (
	// postgresWriters and postgresReaders bound the connections of one process. Servers take a hundred as they come; a
	// process has six more for its queue.
	postgresWriters = 6
	postgresReaders = 6
	connectTimeout  = 5 * time.Second
)

// postgresTimeouts end what nobody waits for any more. A process that stopped, or whose machine went away, in the middle
// of a transaction keeps its rows from its successor for as long as idle_in_transaction_session_timeout; who waits for
// them waits longer than that.
var postgresTimeouts = map[string]string{
	"statement_timeout":                   "120s",
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

func openPostgres(ctx context.Context, where string) (*DB, error) {
	config, err := pgx.ParseConfig(where)
	if err != nil { // its text repeats parts of the URL
		return nil, errors.New("open database: this is not a URL of a Postgres database: it is written as postgres://user:password@host:5432/name?sslmode=require")
	}
	config.ConnectTimeout = connectTimeout
	for name, value := range postgresTimeouts {
		config.RuntimeParams[name] = value
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = fmt.Sprint("rehome ", os.Getpid())
	}
	write := openPool(config, postgresWriters)
	if err := migrateAlone(ctx, write); err != nil {
		return nil, errors.Join(err, write.Close())
	}
	reading := config.Copy()
	reading.RuntimeParams["default_transaction_read_only"] = "on"
	return &DB{write: write, read: newPool(openPool(reading, postgresReaders), &postgresDialect), dialect: &postgresDialect}, nil
}

// openPool connects when it is first asked. A connection that was idle for a second is tried before it is used.
func openPool(config *pgx.ConnConfig, most int) *sql.DB {
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(most)
	db.SetMaxIdleConns(most)
	db.SetConnMaxIdleTime(5 * time.Minute)
	db.SetConnMaxLifetime(time.Hour) // so that servers behind one name share what comes
	return db
}

// migrateAlone migrates while no other process does.
func migrateAlone(ctx context.Context, db *sql.DB) error {
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
	if _, err := conn.ExecContext(ctx, "SET lock_timeout = 0; SET statement_timeout = 0; SET idle_session_timeout = 0; SELECT pg_advisory_lock(7220180)"); err != nil {
		return fmt.Errorf("wait for others to migrate the database: %w", err)
	}
	return migrate(ctx, db, &postgresDialect)
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
