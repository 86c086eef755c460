package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

// One folder for each engine; the same numbers mean the same schema in all of them.
//
//go:embed migrations/sqlite/*.sql migrations/postgres/*.sql
var migrations embed.FS

// migrate brings the schema up to date, or refuses one this program does not know.
func migrate(ctx context.Context, db *sql.DB, d *dialect) error {
	files, err := fs.Sub(migrations, "migrations/"+d.name)
	if err != nil {
		return fmt.Errorf("migrate database: %w", err)
	}
	steps, err := goose.NewProvider(d.goose, db, files)
	if err != nil {
		return fmt.Errorf("migrate database: %w", err)
	}
	for {
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
		// Of several processes that open a file at once one makes each step, and the others fail there: they look again.
		if _, err := steps.Up(ctx); err != nil {
			if now, again := steps.GetDBVersion(ctx); again != nil || now == have {
				return fmt.Errorf("migrate database: %w", err)
			}
		}
	}
}
