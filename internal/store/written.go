package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// WrittenRef is a ref of a repository that an import wrote. Ids are hex, "" for none.
type WrittenRef struct {
	Name    string // the exact bytes
	Wrote   string // what it was after our last proven push
	Source  string // what stood for Wrote at the source: a map changes ids
	Writing string // what a push that began, but was not proven, may have made of it; zeros where it removed it
	// Earlier is what pushes before that one were about to write, ids with spaces between, oldest first: a worker that
	// stood still since may write it yet.
	Earlier string
}

// maxEarlier bounds the ids in WrittenRef.Earlier: each worker that stands still adds one at most.
const maxEarlier = 8

// MayBe reports whether a push that was not proven may have made of the ref what it is, "" for none.
func (w WrittenRef) MayBe(is string) bool {
	return slices.ContainsFunc(strings.Fields(w.Earlier+" "+w.Writing), func(id string) bool { return id == is || strings.Trim(id, "0") == is })
}

// Unproven returns what pushes that were not proven may write yet, as in Earlier, but for those of the ids.
func (w WrittenRef) Unproven(but ...string) string {
	var ids []string
	for _, id := range strings.Fields(w.Earlier + " " + w.Writing) {
		if !slices.Contains(but, id) && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return strings.Join(ids[max(len(ids)-maxEarlier, 0):], " ")
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
		err = r.Scan(&name, &w.Wrote, &w.Source, &w.Writing, &w.Earlier)
		w.Name = string(name)
		return w, err
	}
	all, err := collect(ctx, q, scan, "SELECT name, wrote, source, writing, earlier FROM written_refs WHERE repository_id = $1", repositoryID)
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
	set, err := t.tx.PrepareContext(ctx, `INSERT INTO written_refs (repository_id, name, wrote, source, writing, earlier) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (`+t.refKey+`) DO UPDATE SET wrote = excluded.wrote, source = excluded.source, writing = excluded.writing, earlier = excluded.earlier`)
	if err != nil {
		return fmt.Errorf("store written refs: %w", err)
	}
	defer set.Close() //nolint:errcheck // the transaction decides
	for _, w := range refs {
		if _, err := set.ExecContext(ctx, repositoryID, []byte(w.Name), w.Wrote, w.Source, w.Writing, w.Earlier); err != nil {
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
