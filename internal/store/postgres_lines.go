package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"rehome/internal/pgline"
)

const (
	// postgresWriters and postgresReaders bound the connections of one process. Servers take a hundred as they come; a
	// process has six more for its queue.
	postgresWriters = 6
	postgresReaders = 6
	connectTimeout  = 5 * time.Second
	pongTimeout     = 3 * time.Second
	lockEvery       = 200 * time.Millisecond
)

// patience is how long is waited for a server that may not be there any more, or stands still.
type patience struct {
	answers       time.Duration // the beginning and the end of a transaction take
	reads, writes time.Duration // a statement of the pool takes
	spoken        time.Duration // how much longer than a statement: a server that lives has ended it by then, and said so
}

// usual leaves most of a minute to those whose lease has to be renewed within one. Some statements that write are about a million rows.
var usual = patience{answers: 20 * time.Second, reads: 25 * time.Second, writes: 2 * time.Minute, spoken: 5 * time.Second}

// lines are a pool and its connections.
type lines struct {
	*sql.DB
	*pgline.Lines
}

// openLines returns a pool that connects when it is first asked. The server ends a statement that takes longer than most, and
// a connection on which nothing comes ends after silence; 0 is never.
func openLines(config *pgx.ConnConfig, connections int, most, silence time.Duration) lines {
	config = config.Copy()
	config.RuntimeParams["statement_timeout"] = fmt.Sprint(most.Milliseconds())
	l := pgline.New(silence)
	config.DialFunc = l.Dial
	db := stdlib.OpenDB(*config, stdlib.OptionShouldPing(isGone))
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	db.SetConnMaxIdleTime(5 * time.Minute)
	db.SetConnMaxLifetime(time.Hour) // so that servers behind one name share what comes
	return lines{db, l}
}

// isGone tries a connection that was idle for a second before it is used, and not for as long as a statement may take. One that
// does not answer is closed then: the ping that follows finds that out.
func isGone(ctx context.Context, p stdlib.ShouldPingParams) bool {
	if p.IdleDuration <= time.Second {
		return false
	}
	ctx, end := context.WithTimeout(ctx, pongTimeout)
	defer end()
	return p.Conn.PgConn().Ping(ctx) != nil
}
