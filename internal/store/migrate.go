package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// One folder for each engine; the same numbers mean the same schema in all of them.
//
//go:embed migrations/sqlite/*.sql
var migrations embed.FS

// migrate brings the schema up to date, or refuses one this program does not know.
func migrate(ctx context.Context, db *sql.DB) error {
	files, err := fs.Sub(migrations, "migrations/sqlite")
	if err != nil {
		return fmt.Errorf("migrate database: %w", err)
	}
	steps, err := goose.NewProvider(goose.DialectSQLite3, db, files)
	if err != nil {
		return fmt.Errorf("migrate database: %w", err)
	}
	have, known, err := steps.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the database's version: %w", err)
	}
	if have > known {
		return fmt.Errorf("the database was written by a newer rehome (schema %d, this one knows %d): use that version or a backup", have, known)
	}
	if have == known {
		return nil
	}
	if _, err := steps.Up(ctx); err != nil {
		return fmt.Errorf("migrate database: %w", err)
	}
	return nil
}

// isFull reports whether err says that the disk, or the file's bound, is reached.
func isFull(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code() == sqlite3.SQLITE_FULL
}

// isDuplicate reports whether err says that a unique index already holds the value.
func isDuplicate(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) &&
		(e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
}
