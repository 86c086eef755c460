package store

import (
	"context"
	"fmt"
	"math"

	"rehome"
)

// SetLargeFiles replaces the import's list of large files and counts them in i.Found.
func (t *Tx) SetLargeFiles(ctx context.Context, i *Import, files []rehome.LargeFile) error {
	if _, err := t.tx.ExecContext(ctx, "DELETE FROM large_files WHERE import_id = $1", i.ID); err != nil {
		return fmt.Errorf("replace large files: %w", err)
	}
	i.Found.LargeFilesKnown, i.Found.LargeFiles, i.Found.LargeFilesSize = true, int64(len(files)), 0
	for _, f := range files {
		_, err := t.tx.ExecContext(ctx, "INSERT INTO large_files (import_id, ref, path, oid, size) VALUES ($1, $2, $3, $4, $5)",
			i.ID, []byte(f.Ref), notNull(f.Path), f.OID, f.Size)
		if err != nil {
			return fmt.Errorf("add large file: %w", err)
		}
		i.Found.LargeFilesSize += f.Size
	}
	return nil
}

// LargeFiles returns at most limit of the import's large files, in the order they were stored and without
// the first offset; 0 is no limit.
func (db *DB) LargeFiles(ctx context.Context, importID int64, offset, limit int) ([]rehome.LargeFile, error) {
	if limit <= 0 {
		limit = math.MaxInt
	}
	scan := func(r row) (f rehome.LargeFile, err error) {
		err = r.Scan(&f.Ref, &f.Path, &f.OID, &f.Size)
		return f, err
	}
	all, err := collect(ctx, db.read, scan, "SELECT ref, path, oid, size FROM large_files WHERE import_id = $1 ORDER BY id LIMIT $2 OFFSET $3",
		importID, limit, offset)
	if err != nil {
		return nil, fmt.Errorf("list large files: %w", err)
	}
	return all, nil
}

// SetFacts keeps what the raw step found, as the importer encodes it.
func (t *Tx) SetFacts(ctx context.Context, importID int64, body []byte) error {
	_, err := t.tx.ExecContext(ctx, `INSERT INTO raw_facts (import_id, body) VALUES ($1, $2)
		ON CONFLICT (import_id) DO UPDATE SET body = excluded.body`, importID, body)
	if err != nil {
		return fmt.Errorf("store facts: %w", err)
	}
	return nil
}

// Facts returns what SetFacts kept; rehome.NotFound before the first raw step ended.
func (db *DB) Facts(ctx context.Context, importID int64) ([]byte, error) {
	var body []byte
	err := db.read.QueryRowContext(ctx, "SELECT body FROM raw_facts WHERE import_id = $1", importID).Scan(&body)
	return body, found(err, "raw repository")
}

// SetReceipt keeps the receipt of the move that completed last.
func (t *Tx) SetReceipt(ctx context.Context, importID int64, body []byte) error {
	_, err := t.tx.ExecContext(ctx, `INSERT INTO receipts (import_id, body) VALUES ($1, $2)
		ON CONFLICT (import_id) DO UPDATE SET body = excluded.body`, importID, body)
	if err != nil {
		return fmt.Errorf("store receipt: %w", err)
	}
	return nil
}

// Receipt returns the bytes SetReceipt kept; rehome.NotFound before the import completed.
func (db *DB) Receipt(ctx context.Context, importID int64) ([]byte, error) {
	var body []byte
	err := db.read.QueryRowContext(ctx, "SELECT body FROM receipts WHERE import_id = $1", importID).Scan(&body)
	return body, found(err, "receipt")
}
