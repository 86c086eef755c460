package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"rehome"
)

const authorColumns = "a.id, a.remote_name, a.remote_mail, a.name, a.email"

func scanAuthor(r row) (rehome.Author, error) {
	var a rehome.Author
	err := r.Scan(&a.ID, &a.RemoteName, &a.RemoteMail, &a.Name, &a.Email)
	return a, err
}

// AddAuthors stores the identities of i that are new to it, in the order given, so that
// ids ascend as first seen, and counts them in i.Found. It returns the new ones with
// their ids. Identities are one per exact name and mail bytes.
func (t *Tx) AddAuthors(ctx context.Context, i *Import, authors []rehome.Author) ([]rehome.Author, error) {
	insert, err := t.tx.PrepareContext(ctx, `INSERT INTO import_authors (import_id, remote_name, remote_mail, name, email)
		VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING id`)
	if err != nil {
		return nil, fmt.Errorf("add authors: %w", err)
	}
	defer insert.Close() //nolint:errcheck // the transaction decides
	var added []rehome.Author
	for _, a := range authors {
		rows, err := insert.QueryContext(ctx, i.ID, notNull(a.RemoteName), notNull(a.RemoteMail), []byte(a.Name), []byte(a.Email))
		if err != nil {
			return nil, fmt.Errorf("add author: %w", err)
		}
		if rows.Next() {
			err = rows.Scan(&a.ID)
			added = append(added, a)
		}
		rows.Close() //nolint:errcheck // rows.Err has what matters
		if err != nil || rows.Err() != nil {
			return nil, fmt.Errorf("add author: %w", errors.Join(err, rows.Err()))
		}
	}
	i.Found.Authors += int64(len(added))
	return added, nil
}

// notNull keeps an empty value apart from a missing one.
func notNull(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// Authors returns at most limit identities of the import with ids above since,
// ascending; 0 is no limit.
func (db *DB) Authors(ctx context.Context, importID, since int64, limit int) ([]rehome.Author, error) {
	return authors(ctx, db.read, importID, since, limit)
}

// AuthorsAt returns at most limit identities of the import, as first seen, but for those with some ids and without the first offset of the others,
// and how many it has in all. There can be some thousands of ids.
func (db *DB) AuthorsAt(ctx context.Context, importID int64, but []int64, offset, limit int) (page []rehome.Author, total int, err error) {
	others, args := "", []any{importID, limit, offset}
	if len(but) > 0 {
		numbers := make([]string, len(but))
		for n, id := range but {
			args = append(args, id)
			numbers[n] = fmt.Sprintf("$%d", len(args))
		}
		others = " AND a.id NOT IN (" + strings.Join(numbers, ", ") + ")"
	}
	page, err = collect(ctx, db.read, scanAuthor, "SELECT "+authorColumns+" FROM import_authors a WHERE a.import_id = $1"+others+" ORDER BY a.id LIMIT $2 OFFSET $3", args...)
	if err == nil {
		err = db.read.QueryRowContext(ctx, "SELECT count(*) FROM import_authors WHERE import_id = $1", importID).Scan(&total)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("list authors: %w", err)
	}
	return page, total, nil
}

// LastAuthor returns the id of the identity that the import has seen last; 0 for none.
func (db *DB) LastAuthor(ctx context.Context, importID int64) (id int64, err error) {
	err = db.read.QueryRowContext(ctx, "SELECT coalesce(max(id), 0) FROM import_authors WHERE import_id = $1", importID).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("look for the last author: %w", err)
	}
	return id, nil
}

func authors(ctx context.Context, q queryer, importID, since int64, limit int) ([]rehome.Author, error) {
	if limit <= 0 {
		limit = math.MaxInt
	}
	all, err := collect(ctx, q, scanAuthor, "SELECT "+authorColumns+
		" FROM import_authors a WHERE a.import_id = $1 AND a.id > $2 ORDER BY a.id LIMIT $3", importID, since, limit)
	if err != nil {
		return nil, fmt.Errorf("list authors: %w", err)
	}
	return all, nil
}
