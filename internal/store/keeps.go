package store

import (
	"context"
	"fmt"
)

// Keeps reports whether an import keeps something at a key of the bucket.
func (db *DB) Keeps(ctx context.Context, key string) (bool, error) {
	ids, err := collect(ctx, db.read, scanID, `SELECT id FROM imports
		WHERE deleted_at = 0 AND (raw_key = $1 OR final_key = $1 OR pushed_key = $1) LIMIT 1`, key)
	if err != nil {
		return false, fmt.Errorf("look for what is kept in the bucket: %w", err)
	}
	return len(ids) > 0, nil
}
