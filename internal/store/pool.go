package store

import (
	"context"
	"database/sql"
	"sync"
)

// maxPrepared bounds the statements a pool keeps. There are fewer: what has another text each time is asked of DB.
const maxPrepared = 128

// pool reads, and keeps its statements prepared: to read and plan one takes several times as long as to run it. Closing
// DB closes them. It waits some seconds for a database that does not answer.
type pool struct {
	direct
	mu    sync.RWMutex
	ready map[string]*sql.Stmt // by their text; guarded by mu
}

func newPool(db *sql.DB, d *dialect) *pool {
	return &pool{direct: direct{db, d}, ready: map[string]*sql.Stmt{}}
}

// QueryContext is sql.DB's.
func (p *pool) QueryContext(ctx context.Context, query string, args ...any) (rows *sql.Rows, err error) {
	s := p.prepared(ctx, query)
	if s == nil {
		return p.direct.QueryContext(ctx, query, args...)
	}
	return s.QueryContext(ctx, args...)
}

// QueryRowContext is sql.DB's.
func (p *pool) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	s := p.prepared(ctx, query)
	if s == nil {
		return p.direct.QueryRowContext(ctx, query, args...)
	}
	return s.QueryRowContext(ctx, args...)
}

// direct reads without keeping statements, which is for those that have another text each time.
type direct struct {
	*sql.DB
	dialect *dialect
}

// QueryContext is sql.DB's.
func (d direct) QueryContext(ctx context.Context, query string, args ...any) (rows *sql.Rows, err error) {
	args = d.dialect.clean(args)
	err = patiently(ctx, func() (err error) {
		rows, err = d.DB.QueryContext(ctx, query, args...)
		return err
	})
	return rows, err
}

// QueryRowContext is sql.DB's.
func (d direct) QueryRowContext(ctx context.Context, query string, args ...any) (row *sql.Row) {
	args = d.dialect.clean(args)
	patiently(ctx, func() error { //nolint:errcheck // the row has it
		row = d.DB.QueryRowContext(ctx, query, args...)
		return row.Err()
	})
	return row
}

// prepared returns the statement of a text, nil for one that is not kept: what is wrong with it is said when it is run.
func (p *pool) prepared(ctx context.Context, query string) *sql.Stmt {
	if p.dialect.prepares {
		return nil // its driver keeps them, for each connection
	}
	p.mu.RLock()
	s, full := p.ready[query], len(p.ready) >= maxPrepared
	p.mu.RUnlock()
	if s != nil || full {
		return s
	}
	made, err := p.PrepareContext(ctx, query)
	if err != nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.ready[query]; s != nil { // another was quicker
		made.Close() //nolint:errcheck // nothing was asked of it
		return s
	}
	p.ready[query] = made
	return made
}
