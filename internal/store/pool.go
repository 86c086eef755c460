package store

import (
	"context"
	"database/sql"
	"sync"
)

// maxPrepared bounds the statements a pool keeps. There are fewer: what has another text each time is asked of DB.
const maxPrepared = 128

// pool reads, and keeps its statements prepared: to read and plan one takes several times as long as to run it. Closing
// DB closes them.
type pool struct {
	*sql.DB
	mu    sync.RWMutex
	ready map[string]*sql.Stmt // by their text; guarded by mu
}

func newPool(db *sql.DB) *pool { return &pool{DB: db, ready: map[string]*sql.Stmt{}} }

// QueryContext is sql.DB's.
func (p *pool) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if s := p.prepared(ctx, query); s != nil {
		return s.QueryContext(ctx, args...)
	}
	return p.DB.QueryContext(ctx, query, args...)
}

// QueryRowContext is sql.DB's.
func (p *pool) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if s := p.prepared(ctx, query); s != nil {
		return s.QueryRowContext(ctx, args...)
	}
	return p.DB.QueryRowContext(ctx, query, args...)
}

// prepared returns the statement of a text, nil for one that is not kept: what is wrong with it is said when it is run.
func (p *pool) prepared(ctx context.Context, query string) *sql.Stmt {
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
