package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"rehome"
)

// SetShape keeps what the history of the import looks like from afar, as the importer writes it, in place of what was kept; nil
// keeps nothing.
func (t *Tx) SetShape(ctx context.Context, importID int64, body []byte) error {
	if body == nil {
		if _, err := t.tx.ExecContext(ctx, "DELETE FROM shapes WHERE import_id = $1", importID); err != nil {
			return fmt.Errorf("forget shape: %w", err)
		}
		return nil
	}
	_, err := t.tx.ExecContext(ctx, `INSERT INTO shapes (import_id, body) VALUES ($1, $2)
		ON CONFLICT (import_id) DO UPDATE SET body = excluded.body`, importID, body)
	if err != nil {
		return fmt.Errorf("store shape: %w", err)
	}
	return nil
}

// Shape returns what SetShape kept; rehome.NotFound where nothing is.
func (db *DB) Shape(ctx context.Context, importID int64) ([]byte, error) {
	var body []byte
	err := db.read.QueryRowContext(ctx, "SELECT body FROM shapes WHERE import_id = $1", importID).Scan(&body)
	return body, found(err, "shape of the history")
}

// maxMapped is how many identities one statement looks for: a statement has only so many parameters.
const maxMapped = 500

// AuthorsOf returns those identities of the import that are among some, each by its exact bytes, in no order. Up to maxMapped take one statement.
func (db *DB) AuthorsOf(ctx context.Context, importID int64, of []rehome.Identity) (all []rehome.Author, err error) {
	for some := range slices.Chunk(of, maxMapped) {
		query, args := db.mappedQuery(importID, some)
		authors, err := collect(ctx, db.read, scanAuthor, query, args...)
		if err != nil {
			return nil, fmt.Errorf("look for authors: %w", err)
		}
		all = append(all, authors...)
	}
	return all, nil
}

// Mapped returns what identities of the import, as AuthorsOf finds them, are mapped to now. Those that it does not have are left out.
func (db *DB) Mapped(ctx context.Context, importID int64, of []rehome.Identity) (map[rehome.Identity]rehome.Identity, error) {
	authors, err := db.AuthorsOf(ctx, importID, of)
	if err != nil {
		return nil, err
	}
	all := make(map[rehome.Identity]rehome.Identity, len(authors))
	for _, a := range authors {
		all[a.Remote()] = rehome.Identity{Name: a.Name, Mail: a.Email}
	}
	return all, nil
}

// mappedQuery asks for the rows of identities, of which there is at least one, by the index of them.
func (db *DB) mappedQuery(importID int64, of []rehome.Identity) (query string, args []any) {
	var values strings.Builder
	args = append(args, importID)
	for n, i := range of {
		if n > 0 {
			values.WriteString(", ")
		}
		fmt.Fprintf(&values, "("+db.person+", "+db.person+")", fmt.Sprintf("$%d", len(args)+1), fmt.Sprintf("$%d", len(args)+2))
		args = append(args, []byte(i.Name), []byte(i.Mail))
	}
	same := fmt.Sprintf(db.person+" = wanted.column1 AND "+db.person+" = wanted.column2", "b.remote_name", "b.remote_mail")
	// Each by itself: as a join, Postgres would rather hash all identities of the import.
	return "SELECT " + authorColumns + ` FROM import_authors a WHERE a.id IN (
		SELECT (SELECT b.id FROM import_authors b WHERE b.import_id = $1 AND ` + same + ") FROM (VALUES " + values.String() + ") AS wanted)", args
}
