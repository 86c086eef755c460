package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"rehome/internal/pgline"
)

// ErrOutcomeUnknown says that the connection to the database was lost while a change was being committed: it is kept whole
// or not at all. Whoever asks again has to look first. A worker may just go on: the row it reads next says which it was,
// and if the lease was lost meanwhile its fence keeps it from writing.
var ErrOutcomeUnknown = errors.New("the database did not say whether the change is kept")

// errConnDone makes database/sql close a connection.
var errConnDone = driver.ErrBadConn

// Unavailable reports whether err comes from a database that does not answer now, or that had to break a transaction off
// through no fault of what was asked: it is worth trying again in a while. Unless err is ErrOutcomeUnknown, too, nothing
// was changed. An end of the caller's own context is not of this kind.
func Unavailable(err error) bool {
	var refused *pgconn.ConnectError
	switch {
	case err == nil || errors.Is(err, context.Canceled):
		return false
	case errors.Is(err, ErrOutcomeUnknown), errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone), errors.Is(err, pgline.ErrSilent), sqliteBusy(err):
		return true
	}
	if code := postgresCode(err); code != "" {
		return passing(code)
	}
	if errors.As(err, &refused) {
		return true
	}
	return !errors.Is(err, context.DeadlineExceeded) && isCut(err)
}

// passing reports whether a SQLSTATE is about the server or about other transactions.
func passing(code string) bool {
	switch code {
	case "40001", "40P01", // could not serialize, deadlock
		"55P03",                            // waited too long for a lock
		"57P01", "57P02", "57P03", "57P05", // shut down, crashed, starting up, idle for too long
		"25P03", "25P04", // idle in a transaction, or in one, for too long
		"53300", "53200", "53400": // too many connections, out of memory, limit of the configuration
		return true
	}
	return strings.HasPrefix(code, "08") // connections
}

// isCut reports whether a connection ended.
func isCut(err error) bool {
	var cut *net.OpError
	return errors.As(err, &cut) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, pgconn.ErrConnClosed) || pgconn.SafeToRetry(err)
}

// waits are the pauses between tries to reach the database: together some six seconds, in which a server starts again.
var waits = []time.Duration{50 * time.Millisecond, 200 * time.Millisecond, 800 * time.Millisecond, 2 * time.Second, 3 * time.Second}

// enough is how long after the first try no other follows: on a database that is silent each takes long.
const enough = 10 * time.Second

// patiently does what changes nothing, again while the database is not available.
func patiently(ctx context.Context, do func() error) error {
	began := time.Now()
	for _, wait := range waits {
		err := do()
		if !Unavailable(err) || sqliteBusy(err) { // SQLite has waited itself
			return err
		}
		if time.Since(began) > enough && postgresCode(err) == "" {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
	}
	return do()
}
