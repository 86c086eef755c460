package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"rehome"
	"rehome/internal/testenv"
)

// BenchmarkMapped asks for 500 identities of an import that has 100,000, on both engines.
func BenchmarkMapped(b *testing.B) {
	for engine, where := range map[string]func() string{
		"SQLite":   func() string { return filepath.Join(b.TempDir(), "rehome.db") },
		"Postgres": func() string { return testenv.Postgres(b).NewDatabase(b) },
	} {
		b.Run(engine, func(b *testing.B) {
			db, err := Open(b.Context(), where())
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			ask := manyAuthors(b, db)
			for b.Loop() {
				if all, err := db.Mapped(b.Context(), 1, ask); err != nil || len(all) != len(ask) {
					b.Fatal(len(all), err)
				}
			}
		})
	}
}

// manyAuthors makes an import with a great many identities and returns some.
func manyAuthors(b *testing.B, db *DB) (some []rehome.Identity) {
	b.Helper()
	numbers := "SELECT value AS n FROM generate_series(1, 100000) AS series (value)"
	bytes := "decode(lpad(to_hex(n), 6, '0'), 'hex')"
	if db.alike() {
		numbers = "WITH RECURSIVE series (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM series WHERE value < 100000) SELECT value AS n FROM series"
		bytes = "CAST(printf('%06x', n) AS BLOB)"
	}
	_, first := db.write.Exec(`INSERT INTO imports (repository_id, vcs, vcs_given, url, tfvc_project, wanted_raw, wanted_plan, status, created_at, updated_at)
		VALUES (1, 'git', TRUE, '', '', 1, 1, 'complete', 1, 1)`)
	_, err := db.write.Exec("INSERT INTO import_authors (import_id, remote_name, remote_mail, name, email) SELECT 1, " + bytes + ", " + bytes + ", " + bytes + ", " + bytes + " FROM (" + numbers + ") AS all_numbers")
	_, analyzed := db.write.Exec("ANALYZE import_authors")
	if err := errors.Join(first, err, analyzed); err != nil {
		b.Fatal(err)
	}
	for n := 1; n <= 100000; n += 200 {
		text := fmt.Sprintf("%06x", n)
		if !db.alike() {
			text = string([]byte{byte(n >> 16), byte(n >> 8), byte(n)})
		}
		some = append(some, rehome.Identity{Name: text, Mail: text})
	}
	return some
}
