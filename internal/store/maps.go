package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"rehome"
)

// AuthorMap is a whole author map as it was given last, for identities still to come.
type AuthorMap struct {
	Version int64  // grows with each map; 0 for none
	Kind    string // how Body is written, in the importer's words
	Body    []byte
}

// AuthorMap returns the import's map when it is newer than the version known. ok is
// false when it is not, or when there is none.
func (t *Tx) AuthorMap(ctx context.Context, importID, known int64) (m AuthorMap, ok bool, err error) {
	return authorMap(ctx, t.tx, importID, known)
}

// AuthorMap is Tx.AuthorMap outside of a transaction.
func (db *DB) AuthorMap(ctx context.Context, importID, known int64) (m AuthorMap, ok bool, err error) {
	return authorMap(ctx, db.read, importID, known)
}

func authorMap(ctx context.Context, q queryer, importID, known int64) (m AuthorMap, ok bool, err error) {
	row := q.QueryRowContext(ctx, "SELECT version, kind, body FROM author_maps WHERE import_id = $1 AND version > $2", importID, known)
	err = row.Scan(&m.Version, &m.Kind, &m.Body)
	if errors.Is(err, sql.ErrNoRows) {
		return AuthorMap{}, false, nil
	}
	if err != nil {
		return AuthorMap{}, false, fmt.Errorf("read author map: %w", err)
	}
	return m, true, nil
}

// SetAuthorMap keeps a whole map in place of the one there is, under the next version.
func (t *Tx) SetAuthorMap(ctx context.Context, importID int64, m AuthorMap) error {
	_, err := t.tx.ExecContext(ctx, `INSERT INTO author_maps (import_id, version, kind, body) VALUES ($1, 1, $2, $3)
		ON CONFLICT (import_id) DO UPDATE SET version = author_maps.version + 1, kind = excluded.kind, body = excluded.body`,
		importID, m.Kind, notNull(m.Body))
	if err != nil {
		return fmt.Errorf("store author map: %w", err)
	}
	return nil
}

// Author returns the import's identity of that id; rehome.NotFound when it has none.
func (t *Tx) Author(ctx context.Context, importID, id int64) (rehome.Author, error) {
	a, err := scanAuthor(t.tx.QueryRowContext(ctx, "SELECT "+authorColumns+
		" FROM import_authors a WHERE a.import_id = $1 AND a.id = $2", importID, id))
	return a, found(err, "author")
}

// Authors returns every identity of the import, by id.
func (t *Tx) Authors(ctx context.Context, importID int64) ([]rehome.Author, error) {
	return authors(ctx, t.tx, importID, 0, 0)
}

// MapAuthors stores name and email of authors, found by their ids.
func (t *Tx) MapAuthors(ctx context.Context, importID int64, authors []rehome.Author) error {
	set, err := t.tx.PrepareContext(ctx, "UPDATE import_authors SET name = $3, email = $4 WHERE import_id = $1 AND id = $2")
	if err != nil {
		return fmt.Errorf("map authors: %w", err)
	}
	defer set.Close() //nolint:errcheck // the transaction decides
	for _, a := range authors {
		if _, err := set.ExecContext(ctx, importID, a.ID, []byte(a.Name), []byte(a.Email)); err != nil {
			return fmt.Errorf("map author: %w", err)
		}
	}
	return nil
}
