package store

import "context"

// Setting is one of the settings of the sessions that write.
func Setting(ctx context.Context, db *DB, name string) (value string, err error) {
	err = db.write.QueryRowContext(ctx, "SELECT current_setting($1)", name).Scan(&value)
	return value, err
}
