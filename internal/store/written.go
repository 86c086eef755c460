package store

import (
	"context"
	"fmt"
)

// WrittenRef is a ref of a repository that an import wrote. Ids are hex, "" for none.
type WrittenRef struct {
	Name    string // the exact bytes
	Wrote   string // what it was after our last proven push
	Source  string // what stood for Wrote at the source: a map changes ids
	Writing string // what a push that began, but was not proven, may have made of it
}

// WrittenRefs returns what imports wrote to the repository, by ref name.
func (db *DB) WrittenRefs(ctx context.Context, repositoryID int64) (map[string]WrittenRef, error) {
	return writtenRefs(ctx, db.read, repositoryID)
}

// WrittenRefs is DB.WrittenRefs inside a transaction.
func (t *Tx) WrittenRefs(ctx context.Context, repositoryID int64) (map[string]WrittenRef, error) {
	return writtenRefs(ctx, t.tx, repositoryID)
}

func writtenRefs(ctx context.Context, q queryer, repositoryID int64) (map[string]WrittenRef, error) {
	scan := func(r row) (w WrittenRef, err error) {
		var name []byte
		err = r.Scan(&name, &w.Wrote, &w.Source, &w.Writing)
		w.Name = string(name)
		return w, err
	}
	all, err := collect(ctx, q, scan, "SELECT name, wrote, source, writing FROM written_refs WHERE repository_id = $1", repositoryID)
	if err != nil {
		return nil, fmt.Errorf("list written refs: %w", err)
	}
	byName := make(map[string]WrittenRef, len(all))
	for _, w := range all {
		byName[w.Name] = w
	}
	return byName, nil
}

// SetWritten stores refs as given: with Writing before a push, with Wrote once it is proven.
func (t *Tx) SetWritten(ctx context.Context, repositoryID int64, refs []WrittenRef) error {
	set, err := t.tx.PrepareContext(ctx, `INSERT INTO written_refs (repository_id, name, wrote, source, writing) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (`+t.refKey+`) DO UPDATE SET wrote = excluded.wrote, source = excluded.source, writing = excluded.writing`)
	if err != nil {
		return fmt.Errorf("store written refs: %w", err)
	}
	defer set.Close() //nolint:errcheck // the transaction decides
	for _, w := range refs {
		if _, err := set.ExecContext(ctx, repositoryID, []byte(w.Name), w.Wrote, w.Source, w.Writing); err != nil {
			return fmt.Errorf("store written ref: %w", err)
		}
	}
	return nil
}

// DropWritten forgets that imports wrote these refs, by their exact names.
func (t *Tx) DropWritten(ctx context.Context, repositoryID int64, names []string) error {
	drop, err := t.tx.PrepareContext(ctx, "DELETE FROM written_refs WHERE repository_id = $1 AND name = $2")
	if err != nil {
		return fmt.Errorf("forget written refs: %w", err)
	}
	defer drop.Close() //nolint:errcheck // the transaction decides
	for _, name := range names {
		if _, err := drop.ExecContext(ctx, repositoryID, []byte(name)); err != nil {
			return fmt.Errorf("forget written ref: %w", err)
		}
	}
	return nil
}
